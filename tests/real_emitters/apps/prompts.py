"""What the apps ask: questions with different answers, a text long enough to be cached, and a tool."""

__all__ = ["CITY_SCHEMA", "QUESTIONS", "document"]

QUESTIONS = (
    "What is a span?",
    "What does a token cost, and who says so?",
    "How many calls does it take to answer a question?",
)

CITY_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def document(name: str) -> str:
    """A text of more than 1,024 tokens, the least that providers cache; another name makes another text."""
    return f"This is the manual of {name}. " + " ".join(f"Paragraph {n} says little." for n in range(300))
