"""Attribute names, in one table, for the code that writes spans and the code that reads them.

The GenAI conventions are in Development and the constants of `opentelemetry-semantic-conventions` for them are
deprecated, so the names are our own constants (source: open-telemetry/semantic-conventions-genai, and the general
conventions for `server.*`, `error.*`, `user.*`, `session.*`). Token counts are in `spanledger.meters`.
"""

from typing import Final

OPERATION_NAME: Final = "gen_ai.operation.name"
PROVIDER_NAME: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_STREAM: Final = "gen_ai.request.stream"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
CONVERSATION_ID: Final = "gen_ai.conversation.id"
AGENT_ID: Final = "gen_ai.agent.id"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"

INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
"""What was said, as JSON; only where the application has it captured."""

SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
ERROR_TYPE: Final = "error.type"
HTTP_RESEND_COUNT: Final = "http.request.resend_count"
AWS_REQUEST_ID: Final = "aws.request_id"
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105  # not that kind of token
"""`input` or `output`; of metrics, never of spans."""
USER_ID: Final = "user.id"
SESSION_ID: Final = "session.id"

OPENAI_SERVICE_TIER: Final = "openai.response.service_tier"
ANTHROPIC_SERVICE_TIER: Final = "anthropic.response.service_tier"
SERVICE_TIER: Final = "spanledger.service_tier"
PROCESSING: Final = "spanledger.processing"
SPEED: Final = "spanledger.speed"
REGION: Final = "spanledger.region"
INFERENCE_GEO: Final = "spanledger.inference_geo"
DEPLOYMENT_TYPE: Final = "spanledger.deployment_type"
SEARCH_CONTEXT_SIZE: Final = "spanledger.search_context_size"
REPORTED_COST_USD: Final = "spanledger.reported_cost_usd"
TOOL_USE_PROMPT_TOKENS: Final = "spanledger.tool_use_prompt_tokens"
"""The part of the input that a provider's own tools brought (Gemini, Mistral): said, not billed apart."""
USAGE_STATUS: Final = "spanledger.usage_status"
USAGE_EVIDENCE: Final = "spanledger.usage_evidence"

RECORD: Final = "record"
"""The operation of a span that `spanledger.record` makes: metered, and no call of a model."""
RECORD_UNIT: Final = "spanledger.record.unit"

ORG: Final = "spanledger.org"
FEATURE: Final = "spanledger.feature"
DIMENSION_PREFIX: Final = "spanledger.dim."

SCOPE_NAME: Final = "spanledger"
"""Instrumentation scope of the spans that SpanLedger's own instrumentation makes."""
