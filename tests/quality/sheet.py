"""A sheet of both programs' pictures: the asset, the old picture, the new one, and both enlarged."""

from PIL import Image, ImageDraw

CELL, GAP, LABEL, ZOOM = 384, 8, 18, 4


def write(rows, out):
    """A row for each subject. Textures are repeated, so that a landmark shows as a grid."""
    columns = ("asset", "old", "new", f"old, {ZOOM} times", f"new, {ZOOM} times")
    width = len(columns) * (CELL + GAP) + GAP
    height = len(rows) * (CELL + LABEL + GAP) + GAP
    sheet = Image.new("RGB", (width, height), (40, 40, 40))
    draw = ImageDraw.Draw(sheet)
    for row, (subject, pictures) in enumerate(rows):
        repeats = 2 if subject.preset == "texture" else 1
        old, new = (Image.open(pictures[name]).convert("RGB") for name in ("old", "new"))
        asset = Image.open(subject.file).convert("RGB")
        cells = [repeated(one, repeats) for one in (asset, old, new)] + [zoomed(old), zoomed(new)]
        top = GAP + row * (CELL + LABEL + GAP)
        for column, (cell, title) in enumerate(zip(cells, columns)):
            left = GAP + column * (CELL + GAP)
            draw.text((left, top), f"{subject.name}: {title}", fill=(230, 230, 230))
            sheet.paste(cell, (left, top + LABEL))
    file = out / "sheet.png"
    sheet.save(file)
    return file


def repeated(picture, times):
    width, height = picture.size
    whole = Image.new("RGB", (width * times, height * times))
    for at in range(times * times):
        whole.paste(picture, (at % times * width, at // times * height))
    return fitted(whole, Image.LANCZOS)


def zoomed(picture):
    side = CELL // ZOOM
    left, top = ((length - side) // 2 for length in picture.size)
    return fitted(picture.crop((left, top, left + side, top + side)), Image.NEAREST)


def fitted(picture, filter):
    factor = CELL / max(picture.size)
    return picture.resize([max(round(side * factor), 1) for side in picture.size], filter)
