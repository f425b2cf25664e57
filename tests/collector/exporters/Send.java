import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.exporter.otlp.trace.OtlpGrpcSpanExporter;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Sends a trace of two spans, the inner one a model call: java -cp JARS Send.java PROTOCOL URL COMPRESSION */
public class Send {
  /** Java's SDK only logs what its exporters could not send. */
  private record Watched(SpanExporter exporter, List<Boolean> outcomes) implements SpanExporter {
    @Override
    public CompletableResultCode export(Collection<SpanData> spans) {
      var result = exporter.export(spans).join(20, TimeUnit.SECONDS);
      outcomes.add(result.isSuccess());
      return result;
    }

    @Override
    public CompletableResultCode flush() {
      return exporter.flush();
    }

    @Override
    public CompletableResultCode shutdown() {
      return exporter.shutdown();
    }
  }

  private static SpanExporter exporter(String protocol, String url, String compression) {
    return protocol.equals("grpc")
        ? OtlpGrpcSpanExporter.builder().setEndpoint(url).setCompression(compression).build()
        : OtlpHttpSpanExporter.builder().setEndpoint(url).setCompression(compression).build();
  }

  public static void main(String[] arguments) {
    var outcomes = new ArrayList<Boolean>();
    var watched = new Watched(exporter(arguments[0], arguments[1], arguments[2]), outcomes);
    var service = Attributes.of(AttributeKey.stringKey("service.name"), "java " + arguments[0]);
    try (var provider =
        SdkTracerProvider.builder()
            .setResource(Resource.create(service))
            .addSpanProcessor(SimpleSpanProcessor.create(watched))
            .build()) {
      Tracer tracer = provider.get("spanledger", "0.1");
      Span outer = tracer.spanBuilder("outer").startSpan();
      tracer
          .spanBuilder("chat")
          .setParent(Context.current().with(outer))
          .setSpanKind(SpanKind.CLIENT)
          .setAttribute("gen_ai.operation.name", "chat")
          .setAttribute("gen_ai.provider.name", "openai")
          .setAttribute("gen_ai.request.model", "gpt-4o-mini")
          .setAttribute(AttributeKey.stringArrayKey("gen_ai.response.finish_reasons"), List.of("stop"))
          .setAttribute("gen_ai.usage.input_tokens", 12)
          .setAttribute("gen_ai.usage.output_tokens", 3)
          .setAttribute("half", 0.5)
          .setAttribute("yes", true)
          .startSpan()
          .end();
      outer.end();
    }
    if (!outcomes.equals(List.of(true, true))) {
      System.err.println("sent: " + outcomes);
      System.exit(1);
    }
  }
}
