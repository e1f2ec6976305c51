"""A TLS end before a plain server, for tests of certificates.

tls.py BACKEND CERTIFICATE KEY VERSION [CLIENT-AUTHORITY]: relays bytes to BACKEND (host:port); VERSION is the highest that
it speaks (1.1 or 1.3); with an authority, it wants a certificate that the authority has signed."""
import socket
import ssl
import sys
import threading
import warnings

warnings.simplefilter("ignore", DeprecationWarning)
backend, certificate, key, version = sys.argv[1:5]
host, port = backend.split(":")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
if version == "1.1":
    # What nobody should offer any more: without a security level, or the library would refuse to.
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
context.load_cert_chain(certificate, key)
if len(sys.argv) > 5:
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(sys.argv[5])


def copy(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(plain):
    try:
        outer = context.wrap_socket(plain, server_side=True)
    except OSError as error:
        print("refused", error, flush=True)
        plain.close()
        return
    print("spoke", outer.version(), flush=True)
    inner = socket.create_connection((host, int(port)))
    threading.Thread(target=copy, args=(outer, inner), daemon=True).start()
    copy(inner, outer)


listener = socket.create_server(("127.0.0.1", 0))
print(f"READY base=https://localhost:{listener.getsockname()[1]}/scim/v2", flush=True)
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
