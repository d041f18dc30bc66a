"""The models that are none: they answer from their settings, without a network."""

from typing import Any

from langchain_core.messages import AIMessage

from app.compiler.export.support.errors import HardError


class Fake:
    """`fake:echo` says again what the user said last, `fake:script` gives `responses` in their order."""

    def __init__(self, model: str, options: dict[str, Any] | None) -> None:
        self.model = model
        self.responses = (options or {}).get("responses", [])
        self.form: dict[str, Any] | None = None

    def bind_tools(self, tools: list[Any], tool_choice: str | None = None) -> "Fake":
        """With a `tool_choice` it answers by calling the last of the tools."""
        other = Fake(self.model, {"responses": self.responses})
        other.form = tools[-1]["function"] if tool_choice else None
        return other

    async def ainvoke(self, messages: list[Any]) -> AIMessage:
        """The next answer."""
        turn = sum(message.type == "ai" for message in messages)
        if self.model == "fake:echo":
            answer: Any = ([str(message.text) for message in messages if message.type == "human"] or [""])[-1]
        elif turn < len(self.responses):
            answer = self.responses[turn]
        else:
            raise HardError(
                f"The script has {len(self.responses)} answers, and another one was asked for.", "script_ended"
            )
        answer = {"text": answer} if isinstance(answer, str) else answer
        calls = answer.get("tool_calls", [])
        if self.form and not calls:
            calls = [{"name": self.form["name"], "args": answer.get("structured") or {}}]
        said = [{"args": {}, **one, "id": f"call_{turn}_{n}"} for n, one in enumerate(calls)]
        asked, given = sum(len(str(m.text).split()) for m in messages), len(answer.get("text", "").split())
        usage: Any = {"input_tokens": asked, "output_tokens": given, "total_tokens": asked + given}
        return AIMessage(answer.get("text", ""), tool_calls=said, usage_metadata=usage)
