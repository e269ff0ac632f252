"""Where real Chromium ends up when it opens URLs, by way of Selenium.

    follow_redirects.py URL COUNT      opens URL followed by 0, 1, and so on

Prints the address of each page in a line.
"""

import sys

from browser_walk import chromium

if __name__ == "__main__":
    url, count = sys.argv[1], int(sys.argv[2])
    with chromium() as driver:
        for number in range(count):
            driver.get(f"{url}{number}")
            print(driver.current_url)
