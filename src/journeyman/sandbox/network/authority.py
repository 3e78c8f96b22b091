"""A certificate authority that lives as long as one gateway, for the few hosts whose TLS has to be opened.

Its key never leaves this process's memory, so nothing inside a sandbox can sign with it.
"""

import datetime
import ipaddress
import os
import ssl
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from journeyman.sandbox.network.address import literal
from journeyman.sandbox.network.policy import Pattern

LIFETIME = datetime.timedelta(days=3)
BACKDATED = datetime.timedelta(hours=1)
"""For clocks inside that are behind."""
_BEGIN = b"-----BEGIN CERTIFICATE-----"
CACHED = 512
"""Certificates that are kept for hosts."""
SYSTEM_ROOTS = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def system_roots() -> Path:
    """The file of the certificates that this machine trusts."""
    known = ssl.get_default_verify_paths().cafile
    for name in (known, *SYSTEM_ROOTS):
        if name and Path(name).is_file():
            return Path(name)
    import certifi

    return Path(certifi.where())


class Authority:
    """Signs certificates for hosts. `only` are the patterns that it is constrained to; empty is no constraint.

    `now` is an aware time.
    """

    def __init__(self, *, now: datetime.datetime, only: Sequence[Pattern] = ()) -> None:
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Journeyman sandbox gateway")])
        self._contexts: dict[str, ssl.SSLContext] = {}
        builder = (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
        )
        if only:
            builder = builder.add_extension(x509.NameConstraints(_permitted(only), None), critical=True)
        self._certificate = builder.sign(self._key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        """The authority's certificate."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def context(self, host: str) -> ssl.SSLContext:
        """What a server needs to be `host`, a canonical name or address."""
        if host not in self._contexts:
            if len(self._contexts) >= CACHED:
                self._contexts.pop(next(iter(self._contexts)))
            self._contexts[host] = self._make(host)
        return self._contexts[host]

    def _make(self, host: str) -> ssl.SSLContext:
        address = literal(host)
        name = x509.DNSName(host) if address is None else x509.IPAddress(address)
        certificate = (
            self._builder(x509.Name([]), self._leaf_key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([name]), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        key = self._leaf_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _load(context, key + certificate.public_bytes(serialization.Encoding.PEM))
        return context

    def _builder(self, subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - BACKDATED)
            .not_valid_after(self._now + LIFETIME)
        )


def _load(context: ssl.SSLContext, chain: bytes) -> None:
    """The standard library reads keys from files only: this one is in memory."""
    handle = os.memfd_create("chain", os.MFD_CLOEXEC)
    try:
        os.write(handle, chain)
        context.load_cert_chain(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)


def java_store(bundle: bytes) -> bytes:
    """A store without a password of the certificates in a PEM text, which Java trusts."""
    found: list[pkcs12.PKCS12Certificate] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)  # old roots break rules of today
        for number, part in enumerate(bundle.split(_BEGIN)[1:]):
            try:
                certificate = x509.load_pem_x509_certificate(_BEGIN + part)
            except ValueError:
                continue
            found.append(pkcs12.PKCS12Certificate(certificate, str(number).encode()))
    return pkcs12.serialize_java_truststore(found, serialization.NoEncryption())


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _permitted(only: Iterable[Pattern]) -> list[x509.GeneralName]:
    """What a list of patterns comes to as name constraints, which know sub-domains only together with their apex."""
    names: list[x509.GeneralName] = []
    for pattern in only:
        name = x509.DNSName(pattern.host) if pattern.network is None else x509.IPAddress(pattern.network)
        if name not in names:
            names.append(name)
    if not any(isinstance(name, x509.IPAddress) for name in names):  # else any address would be permitted
        names.append(x509.IPAddress(ipaddress.IPv4Network("0.0.0.0/32")))
    if not any(isinstance(name, x509.DNSName) for name in names):
        names.append(x509.DNSName("invalid"))
    return names
