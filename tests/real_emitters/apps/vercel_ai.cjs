// The Vercel AI SDK as apps use it, with models of both providers: texts, streams, tools, embeddings, a cached prompt,
// several at once; by itself, and inside a request's span. The same app for v4 to v7, which differ where it says so.

const { trace } = require("@opentelemetry/api");
const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-proto");
const { BatchSpanProcessor, NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");
const { createAnthropic } = require("@ai-sdk/anthropic");
const { createGoogleGenerativeAI } = require("@ai-sdk/google");
const { createOpenAI } = require("@ai-sdk/openai");
const ai = require("ai");
const { z } = require("zod");

const VERSION = Number(process.argv[2]);
const QUESTIONS = [
  "What is a span?",
  "What does a token cost, and who says so?",
  "How many calls does it take to answer a question?",
];
const TELEMETRY = VERSION < 7 ? { experimental_telemetry: { isEnabled: true } } : {};
const openai = createOpenAI({ baseURL: process.env.OPENAI_BASE_URL });
const anthropic = createAnthropic({ baseURL: `${process.env.ANTHROPIC_BASE_URL}/v1` });
const google = createGoogleGenerativeAI({ baseURL: `${process.env.ANTHROPIC_BASE_URL}/v1beta`, apiKey: "any" });
let manuals = 0;

function document(name) {
  const paragraphs = Array.from({ length: 300 }, (_, number) => `Paragraph ${number} says little.`);
  return `This is the manual of ${name}. ${paragraphs.join(" ")}`;
}

const ask = (model, prompt, more = {}) => ai.generateText({ model, prompt, ...TELEMETRY, ...more });

async function read(model, prompt) {
  const result = ai.streamText({ model, prompt, ...TELEMETRY });
  for await (const part of result.textStream) void part;
}

async function useTool(model) {
  const schema = z.object({ city: z.string() });
  const weather = {
    description: "The weather of a city",
    [VERSION < 5 ? "parameters" : "inputSchema"]: schema,
    execute: async ({ city }) => `sunny in ${city}`,
  };
  const steps = VERSION < 5 ? { maxSteps: 3 } : { stopWhen: (ai.stepCountIs ?? ai.isStepCount)(3) };
  await ask(model, "What is the weather in Paris?", { tools: { weather: ai.tool(weather) }, ...steps });
}

async function askCached(manual) {
  const marked = { anthropic: { cacheControl: { type: "ephemeral" } } };
  const text = { type: "text", text: manual, providerOptions: marked };
  for (const question of QUESTIONS.slice(0, 2)) {
    const messages = [{ role: "user", content: [text, { type: "text", text: question }] }];
    await ai.generateText({ model: anthropic("claude-haiku-4-5"), messages, ...TELEMETRY });
    await ask(openai.chat("gpt-4.1-mini"), `${manual} ${question}`);
  }
}

async function scenario() {
  const responses = openai.responses("gpt-5-mini");
  const models = [openai.chat("gpt-4.1-mini"), responses, anthropic("claude-haiku-4-5"), google("gemini-2.5-flash")];
  for (const model of models) {
    for (const question of [QUESTIONS[0], QUESTIONS[0], QUESTIONS[1]]) await ask(model, question);
    await read(model, QUESTIONS[2]);
    await useTool(model);
    await Promise.all([ask(model, QUESTIONS[0]), ask(model, QUESTIONS[0]), ask(model, QUESTIONS[2])]);
    await Promise.all([read(model, QUESTIONS[0]), read(model, QUESTIONS[0])]);
  }
  if (VERSION > 4) {
    // The package for Google of v4 tells nothing of thoughts.
    const thinking = { google: { thinkingConfig: { thinkingBudget: 1000 } } };
    await ask(google("gemini-2.5-flash"), QUESTIONS[0], { providerOptions: thinking });
  }
  await askCached(document(`machine ${manuals++}`));
  const embedding = (openai.embedding ?? openai.textEmbeddingModel)("text-embedding-3-small");
  await ai.embed({ model: embedding, value: QUESTIONS[0], ...TELEMETRY });
  await ai.embedMany({ model: embedding, values: QUESTIONS, ...TELEMETRY });
}

async function main() {
  const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
  provider.register();
  if (VERSION >= 7) ai.registerTelemetry(new (require("@ai-sdk/otel").OpenTelemetry)());
  await scenario();
  await trace.getTracer("app").startActiveSpan("GET /answer", async (span) => {
    await scenario();
    span.end();
  });
  await provider.shutdown();
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
