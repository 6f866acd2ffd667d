"""The app's one page, as HTML without scripts."""

from collections.abc import Iterable, Mapping
from html import escape

from daytwo.demo.app.store import Export

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .3rem .8rem .3rem 0 }
th { border-bottom: 1px solid #999 } td.number { text-align: right } code { font-size: .85rem }
"""
_COLUMNS = ("When (UTC)", "Who", "What", "Rows", "Where to", "File", "SHA-256", "State")


def page(exports: Iterable[Export], orders: Mapping[str, object]) -> str:
    """The page.

    Args:
        exports: newest first.
        orders: numbers on the orders.
    """
    numbers = f"{orders['customers']} customers, {orders['orders']} orders, {orders['total']} in total"
    heads = "".join(f'<th scope="col">{head}</th>' for head in _COLUMNS)
    rows = "\n".join(_row(export) for export in exports)
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>Exports</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n<h1>Exports</h1>\n<p>The shop has {escape(numbers)}.</p>\n"
        f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n</body>\n</html>\n"
    )


def _row(export: Export) -> str:
    link = f'<a href="/uploads/{escape(export.file)}">{escape(export.file)}</a>'
    cells = (
        escape(export.at), escape(export.who), escape(export.what), f"{export.row_count:,}", escape(export.destination),
        link, f"<code>{escape(export.sha256[:12])}</code>", "intact" if export.intact else "damaged",
    )  # fmt: skip
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
