"""What exported programs carry along: ordinary modules, from which `app.compiler.export.pieces` copies what is needed.

A statement whose first line ends with `#: feature` is copied only into programs that have the feature. Nothing here may
import anything of Graphwright but its neighbours: the pieces run without it.
"""
