"""OTLP in: gRPC and HTTP servers, decoders, limits, and the answers that the specification asks for."""
