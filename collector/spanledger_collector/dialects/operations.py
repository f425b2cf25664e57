"""What an operation may become: a call, a check on the calls below it, or nothing (design, section 4)."""

from collections.abc import Mapping
from typing import Final

from spanledger import semconv
from spanledger_collector.model import Role

__all__ = ["KIND_CLIENT", "OPERATIONS", "SPELLINGS", "role_of_operation"]

KIND_CLIENT: Final = 3

OPERATIONS: Final[Mapping[str, Role]] = {
    "chat": "candidate",
    "generate_content": "candidate",
    "text_completion": "candidate",
    "embeddings": "candidate",
    "rerank": "candidate",
    "llm_call": "candidate",
    "interactions.create": "candidate",
    "ocr": "candidate",
    "image_generation": "candidate",
    "realtime_inference": "candidate",
    semconv.RECORD: "candidate",
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


SPELLINGS: Final[Mapping[str, str]] = {
    "completion": "text_completion",
    "embedding": "embeddings",
    "EMBEDDING": "embeddings",
    "LLM": "chat",
    "llm": "chat",
    "CHAT_MODEL": "chat",
    "generation": "chat",
    "acompletion": "chat",
    "atext_completion": "text_completion",
    "aembedding": "embeddings",
    "arerank": "rerank",
    "RERANKER": "rerank",
    "AGENT": "invoke_agent",
    "agent": "invoke_agent",
    "CHAIN": "invoke_workflow",
    "EVALUATOR": "invoke_workflow",
    "GUARDRAIL": "invoke_workflow",
    "chain": "invoke_workflow",
    "workflow": "invoke_workflow",
    "task": "invoke_workflow",
    "execute_task": "invoke_workflow",
    "span": "invoke_workflow",
    "TOOL": "execute_tool",
    "tool": "execute_tool",
    "RETRIEVER": "retrieval",
    "retriever": "retrieval",
    "ai.generateText": "invoke_workflow",
    "ai.generateText.doGenerate": "chat",
    "ai.streamText": "invoke_workflow",
    "ai.streamText.doStream": "chat",
    "ai.generateObject": "invoke_workflow",
    "ai.generateObject.doGenerate": "chat",
    "ai.streamObject": "invoke_workflow",
    "ai.streamObject.doStream": "chat",
    "ai.embed": "invoke_workflow",
    "ai.embed.doEmbed": "embeddings",
    "ai.embedMany": "invoke_workflow",
    "ai.embedMany.doEmbed": "embeddings",
    "ai.toolCall": "execute_tool",
}
"""What emitters call their kinds of spans, and the operation of the conventions that it is."""


def role_of_operation(operation: str, kind: int) -> Role:
    """The role by operation and span kind. An agent called over the wire (CLIENT) is a call: its span may be the only
    billable record of it; an agent in the process is the sum of its calls. What we do not know may be a call."""
    if operation == "invoke_agent" and kind == KIND_CLIENT:
        return "candidate"
    return OPERATIONS.get(operation, "candidate")
