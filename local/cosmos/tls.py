"""a self-signed certificate for 127.0.0.1, kept in the state directory

The Python SDK does not verify certificates of 127.0.0.1 and localhost, so any will do.
"""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

_DAYS = 365


class CertificateFiles(NamedTuple):
    certificate: Path
    key: Path


def certificate(directory: Path) -> CertificateFiles:
    """The certificate in `directory`, made if there is none or it has run out."""
    from cryptography import x509  # only where TLS is asked for
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    directory.mkdir(parents=True, exist_ok=True)
    certificate_file, key_file = directory / "tls.crt", directory / "tls.key"
    now = datetime.now(UTC)
    if not (certificate_file.exists() and key_file.exists() and _valid(certificate_file, now)):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
        names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=_DAYS))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(key, hashes.SHA256())
        )
        key_file.touch(mode=0o600)
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return CertificateFiles(certificate_file, key_file)


def _valid(file: Path, now: datetime) -> bool:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc > now + timedelta(days=1)
    except ValueError:
        return False
