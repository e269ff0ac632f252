"""Tables, for people at a terminal and for tests/README.md."""


class Table:
    """A title, columns, rows, and notes below them."""

    def __init__(self, title, columns, detail=()):
        self.title = title
        self.columns = columns
        self.detail = set(detail)  # columns that tests/README.md leaves out
        self.rows = []
        self.notes = []

    def row(self, *cells):
        assert len(cells) == len(self.columns), cells
        self.rows.append([str(cell) for cell in cells])

    def note(self, text):
        self.notes.append(text)

    def text(self):
        cells = [self.columns, *self.rows]
        widths = [max(len(row[at]) for row in cells) for at in range(len(self.columns))]
        lines = [self.title]
        for first, *rest in cells:
            padded = [cell.rjust(width) for cell, width in zip(rest, widths[1:])]
            lines.append("  ".join([first.ljust(widths[0]), *padded]).rstrip())
        return "\n".join([*lines, *self.notes])

    def markdown(self):
        shown = [at for at, column in enumerate(self.columns) if column not in self.detail]
        lines = []
        for row in [[self.title, *self.columns[1:]], *self.rows]:
            lines.append("| " + " | ".join(row[at] for at in shown) + " |")
        lines.insert(1, "|---" + "|---:" * (len(shown) - 1) + "|")
        return "\n".join([*lines, "", *self.notes]).rstrip()


def times(figure, floor, digits=2):
    return f"{figure / floor:.{digits}f}"
