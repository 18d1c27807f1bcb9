"""What a reader of an HTML page meets."""

from html.parser import HTMLParser


class HtmlPage(HTMLParser):
    """A page as it is read: its text, its tables, the text of its pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.alts: list[str] = []
        self.scripts = self.images = 0
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.images += tag == "img"
        if tag == "img":
            self.alts.append(dict(attrs)["alt"] or "")
        elif tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag not in ("img", "meta", "link", "wbr", "br"):
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._inside and self._inside[-1] in ("script", "style"):
            return
        if self._inside and self._inside[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data
        self.text.append(data)
