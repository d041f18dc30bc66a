"""A graph as a Mermaid flowchart."""

from app.schemas.common import JsonObject

SHAPES = {"condition": ("{", "}"), "input": ("([", "])"), "output": ("([", "])")}
BOX = ("[", "]")
# Mermaid reads these inside quotes, too; as entities they are only shown.
ENTITIES = {ord(character): f"#{ord(character)};" for character in '"#<>&`\\{}[]()|;\n\r\0'}


def flowchart(graph: JsonObject) -> str:
    """The diagram's source. Nodes are numbered, as ids may hold anything; their labels say who they are."""
    names = {node["id"]: f"n{number}" for number, node in enumerate(graph["nodes"])}
    lines = ["flowchart TD"]
    for node in graph["nodes"]:
        opening, closing = SHAPES.get(node["type"], BOX)
        lines.append(f'    {names[node["id"]]}{opening}"{_escaped(node.get("name") or node["id"])}"{closing}')
    for edge in graph.get("edges", []):
        label = _label(edge)
        arrow = "-.->" if edge.get("on") == "error" else "-->"
        said = f'|"{_escaped(label)}"|' if label else ""
        lines.append(f"    {names[edge['source']]} {arrow}{said} {names[edge['target']]}")
    return "\n".join(lines) + "\n"


def _label(edge: JsonObject) -> str:
    condition = edge.get("condition")
    if edge.get("on") == "error":
        return "error"
    return str(edge.get("branch") or ("" if condition is None else condition))


def _escaped(text: str) -> str:
    return text.encode(errors="replace").decode().translate(ENTITIES)
