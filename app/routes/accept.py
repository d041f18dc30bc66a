"""What a request would rather have, by its Accept header."""


def prefers_json(accept: str, *, over: str) -> bool:
    """Whether JSON is asked for more than the media type `over`, which is given when both are as good."""
    return _wish(accept, "application/json") > _wish(accept, over)


def _wish(accept: str, kind: str) -> tuple[float, int]:
    """Quality and precision of the most precise range that covers the media type; zeros if none does."""
    best = (0, 0.0)
    for entry in accept.split(","):
        media, *parameters = (part.strip().lower() for part in entry.split(";"))
        precision = {kind: 3, f"{kind.partition('/')[0]}/*": 2, "*/*": 1}.get(media, 0)
        if precision > best[0]:
            best = (precision, _quality(parameters))
    precision, quality = best
    return (quality, precision) if quality else (0.0, 0)


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
