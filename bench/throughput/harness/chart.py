"""A bar chart as SVG: for each load the peers' figures, as multiples of one peer's."""

from html import escape

BAR, GAP, PANEL_GAP, LEFT, WIDTH, TOP = 15, 4, 26, 150, 900, 46
SCALE_END = 4.0  # multiples; a longer bar is cut and says its number
COLOURS = {"sallyport": "#1f6feb"}
OTHER = "#8c959f"


def draw(title, panels):
    """`panels`: (heading, [(peer, multiple, lowest, highest, label)])."""
    parts, y = [], TOP
    for heading, bars in panels:
        parts.append(_text(16, y + 12, heading, "start", bold=True))
        y += 22
        for bar in bars:
            parts += _bar(y, *bar)
            y += BAR + GAP
        y += PANEL_GAP
    for multiple in (1, 2, 3):
        x = _x(multiple)
        parts.insert(0, f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{y - PANEL_GAP}" '
                        f'stroke="{"#57606a" if multiple == 1 else "#d0d7de"}" stroke-dasharray="3 3"/>')
        parts.append(_text(x, y - PANEL_GAP + 16, f"{multiple} ×", "middle"))
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 10}" '
        f'viewBox="0 0 {WIDTH} {y + 10}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{y + 10}" fill="white"/>',
        _text(16, 24, title, "start", bold=True, size=15), *parts, "</svg>", ""])


def _x(multiple):
    return round(LEFT + (WIDTH - LEFT - 150) * min(multiple, SCALE_END) / SCALE_END, 1)


def _bar(y, peer, multiple, lowest, highest, label):
    end, middle = _x(multiple), y + BAR / 2
    yield _text(LEFT - 8, y + 12, peer, "end", bold=peer in COLOURS)
    yield (f'<rect x="{LEFT}" y="{y}" width="{round(end - LEFT, 1)}" height="{BAR}" '
           f'fill="{COLOURS.get(peer, OTHER)}"/>')
    if multiple <= SCALE_END:
        yield (f'<line x1="{_x(lowest)}" y1="{middle}" x2="{_x(highest)}" y2="{middle}" '
               'stroke="#24292f" stroke-width="2"/>')
    yield _text(max(end, _x(highest)) + 6, y + 12, label, "start")


def _text(x, y, text, anchor, bold=False, size=12):
    weight = ' font-weight="bold"' if bold else ""
    return (f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}"{weight} '
            f'fill="#24292f">{escape(text)}</text>')
