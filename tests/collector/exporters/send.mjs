// Sends a trace of two spans, the inner one a model call, by one of OpenTelemetry's exporters for JavaScript.
// node send.mjs PROTOCOL URL
import { context, SpanKind, trace } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";

const [protocol, url] = process.argv.slice(2);
const packages = { "http/protobuf": "proto", "http/json": "http", grpc: "grpc" };
const { OTLPTraceExporter } = await import(`@opentelemetry/exporter-trace-otlp-${packages[protocol]}`);

const failures = [];
const exporter = new OTLPTraceExporter({ url });
const noting = {
  export: (spans, done) =>
    exporter.export(spans, (result) => {
      if (result.code !== 0) failures.push(result.error ?? "failed");
      done(result);
    }),
  forceFlush: () => exporter.forceFlush?.(),
  shutdown: () => exporter.shutdown(),
};
const provider = new BasicTracerProvider({
  resource: resourceFromAttributes({ "service.name": `js ${protocol}` }),
  spanProcessors: [new SimpleSpanProcessor(noting)],
});
const tracer = provider.getTracer("spanledger", "0.1");
const outer = tracer.startSpan("outer");
tracer
  .startSpan(
    "chat",
    {
      kind: SpanKind.CLIENT,
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 3,
        half: 0.5,
        yes: true,
      },
    },
    trace.setSpan(context.active(), outer),
  )
  .end();
outer.end();
await provider.forceFlush();
await provider.shutdown();
if (failures.length) {
  console.error(failures);
  process.exit(1);
}
