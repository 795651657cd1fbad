"""The emulator over https, which MSAL.NET insists on: ends TLS, passes every request on, counts."""

import datetime
import ipaddress
import ssl
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TIMEOUT_SECONDS = 30
HOST = "127.0.0.1"


class FrontDoor:
    """A server in a thread of its own, for the length of a `with` block. `url` has no slash at its end."""

    def __init__(self, behind):
        self.token_requests = self.metadata_requests = 0
        door = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # noqa: N802: the server calls it so
                door.metadata_requests += 1
                self._pass_on()

            def do_POST(self):  # noqa: N802
                door.token_requests += urlsplit(self.path).path.endswith("/token")
                self._pass_on()

            def _pass_on(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                answer = requests.request(
                    self.command,
                    behind + self.path,
                    data=body,
                    headers={name: value for name, value in self.headers.items() if name.lower() != "host"},
                    allow_redirects=False,
                    timeout=TIMEOUT_SECONDS,
                )
                # The metadata names the emulator's own addresses, which MSAL would refuse.
                content = answer.content.replace(behind.encode(), door.url.encode())
                self.send_response(answer.status_code)
                for name in ("content-type", "retry-after", "www-authenticate"):
                    if name in answer.headers:
                        self.send_header(name, answer.headers[name])
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                """Says nothing: requests carry secrets."""

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.socket = _tls().wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://{HOST}:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def _tls():
    """TLS with a certificate that nobody vouches for, made now and kept nowhere."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(certificate.public_bytes(serialization.Encoding.PEM))
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        file.flush()
        context.load_cert_chain(file.name)
    return context
