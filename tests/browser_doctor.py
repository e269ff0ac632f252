"""The doctor's page in real Chromium, which fetches a file of a protected folder.

    browser_doctor.py URL --word WORD --folder FOLDER --rules FILE

URL is that of the doctor's page, where WORD shows paths. FOLDER is protected by signet, and
the web server shows its files too, until FILE is in it as `.htaccess`.
"""

import argparse
import shutil
from pathlib import Path

from browser_walk import DESK, Walk, chromium
from selenium.webdriver.common.by import By

SHOWN = "one shows the file: the folder is not protected"
HIDDEN = "none shows the file"
# The state and the words of the row about the folder.
ROW = """
const row = document.querySelector('[data-canary]').closest('tr');
return [row.cells[0].innerText.trim(), row.cells[2].innerText];
"""


def finds(page, state, words, absent):
    """Waits for the result of the page's script."""
    row = lambda: page.driver.execute_script(ROW)
    page.wait(lambda: row()[0] == state, f"not {state}")
    said = row()[1]
    assert words in said and absent not in said, said
    links = page.driver.find_elements(By.CSS_SELECTOR, "[data-canary]")
    assert links, "no address"
    return [link.get_attribute("href") for link in links]


def main():
    parser = argparse.ArgumentParser(description="The doctor's page in Chromium")
    parser.add_argument("url")
    parser.add_argument("--word", required=True)
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--rules", required=True)
    asked = parser.parse_args()
    with chromium() as driver:
        page = Walk(driver, asked.url)
        page.view(DESK, "light")
        page.open()
        page.appears("#word").send_keys(asked.word)
        page.button().click()
        page.appears("[data-canary]")
        urls = finds(page, "wrong", SHOWN, HIDDEN)
        page.check("13-doctor-wrong")
        shutil.copy(asked.rules, asked.folder / ".htaccess")
        page.open()
        assert finds(page, "good", HIDDEN, SHOWN) == urls
        page.check("14-doctor-good")
    print("found wrong, and right with the rules:", *urls)


if __name__ == "__main__":
    main()
