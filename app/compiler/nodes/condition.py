"""The node that chooses one of several ways on."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from app.compiler.context import NodeContext
from app.compiler.failures import HardError
from app.compiler.registry import node_type

Name = Annotated[str, Field(min_length=1, max_length=128)]


class Branch(BaseModel):
    """A way on, and when it is taken."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field(description="What `branch` of an edge says.")
    when: bool | str = Field(description="An expression, without braces.")


class ConditionConfig(BaseModel):
    """The branches in the order in which they are tried."""

    model_config = ConfigDict(extra="forbid")

    branches: list[Branch] = Field(min_length=1, description="The first one that is true is chosen.")
    default: Name | None = Field(default=None, description="The branch that is chosen when no other one is.")

    @model_validator(mode="after")
    def _names_are_unique(self) -> "ConditionConfig":
        names = [branch.name for branch in self.branches]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two branches are called {twice[0]}; give each a name of its own")
        return self


def branch_names(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of a raw config's branches and its default, each once; what is malformed is passed over."""
    branches = config.get("branches")
    entries = branches if isinstance(branches, list) else []
    names = [entry.get("name") for entry in entries if isinstance(entry, Mapping)]
    return tuple(dict.fromkeys(name for name in [*names, config.get("default")] if isinstance(name, str)))


@node_type(
    "condition",
    config=ConditionConfig,
    title="Condition",
    expressions=("branches.*.when",),
    literal=("branches.*.name", "default"),
    branch_names=branch_names,
    in_place=True,
)
async def condition_node(context: NodeContext, config: ConditionConfig) -> JsonValue:
    """Chooses the first branch whose expression is true, else the default; gives `{"branch": name}`.

    Fails with `no_branch` when none is true and there is no default.
    """
    for branch in config.branches:
        if context.evaluate(branch.when):
            return {"branch": branch.name}
    if config.default is None:
        raise HardError("No branch of this node is true, and it has no default; add one.", "no_branch")
    return {"branch": config.default}
