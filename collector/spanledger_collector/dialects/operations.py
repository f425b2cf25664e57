"""What an operation may become: a call, a check on the calls below it, or nothing (design, section 4)."""

from collections.abc import Mapping
from typing import Final

from spanledger_collector.model import Role

__all__ = ["KIND_CLIENT", "OPERATIONS", "role_of_operation"]

KIND_CLIENT: Final = 3

OPERATIONS: Final[Mapping[str, Role]] = {
    "chat": "candidate",
    "generate_content": "candidate",
    "text_completion": "candidate",
    "completion": "candidate",
    "embeddings": "candidate",
    "embedding": "candidate",
    "rerank": "candidate",
    "llm_call": "candidate",
    "interactions.create": "candidate",
    "ocr": "candidate",
    "image_generation": "candidate",
    "realtime_inference": "candidate",
    "invoke_agent": "aggregate",
    "invoke_workflow": "aggregate",
    "plan": "aggregate",
    "create_agent": "ignored",
    "execute_tool": "ignored",
    "retrieval": "ignored",
    "fetch_response": "ignored",
    "create_memory": "ignored",
    "search_memory": "ignored",
    "update_memory": "ignored",
    "upsert_memory": "ignored",
    "delete_memory": "ignored",
    "create_memory_store": "ignored",
    "delete_memory_store": "ignored",
}
"""Operations by their `gen_ai.operation.name`: those of the conventions, and those that emitters use besides."""


def role_of_operation(operation: str, kind: int) -> Role:
    """The role by operation and span kind. An agent called over the wire (CLIENT) is a call: its span may be the only
    billable record of it; an agent in the process is the sum of its calls. What we do not know may be a call."""
    if operation == "invoke_agent" and kind == KIND_CLIENT:
        return "candidate"
    return OPERATIONS.get(operation, "candidate")
