"""The certificate that both ends of every hop of one deployment have, where hops use TLS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

#: Boards without a clock battery start in the past, or long ago.
_VALID = timedelta(days=36525)


def make_link_certificate() -> bytes:
    """PEM: an EC P-256 key and a certificate signed by itself. It is for one deployment, is given
    to its boards over SSH, and no other is taken by any end."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "split-dse hop")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(1971, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime.now(UTC) + _VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + certificate.public_bytes(serialization.Encoding.PEM)
