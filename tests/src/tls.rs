//! TLS in front of the engine that the tests use: a server that wants a certificate of whoever connects, with a CA of its own.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::engine::connect::{Address, endpoint};
use mngr_host_shim::environment::Environment;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, UnixStream};
use tokio_rustls::TlsAcceptor;

/// A server that runs as long as its runtime.
pub struct TlsFront {
    directory: tempfile::TempDir,
    port: u16,
}

impl TlsFront {
    /// Starts one whose certificate bears that name or address.
    ///
    /// # Panics
    /// Where the engine has no socket on this machine.
    pub async fn start(name: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let ca = authority();
        let server = signed(&ca, name);
        let client = signed(&ca, "client");
        write(directory.path(), &ca.pem(), &client);
        // What a stranger would show: signed, but by somebody else.
        let other = authority();
        std::fs::create_dir(directory.path().join("stranger")).expect("a directory");
        write(&directory.path().join("stranger"), &ca.pem(), &signed(&other, "client"));

        let mut roots = RootCertStore::empty();
        roots.add(ca.der().clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .expect("a verifier");
        let key = PrivateKeyDer::try_from(server.1.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocols")
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![server.0.der().clone()], key)
            .expect("a certificate");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), socket()));
        Self { directory, port }
    }

    /// A directory with `ca.pem`, `cert.pem` and `key.pem` of somebody who is let in.
    pub fn certificates(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// The same of somebody who is not.
    pub fn certificates_of_a_stranger(&self) -> PathBuf {
        self.directory.path().join("stranger")
    }

    /// A provider behind it.
    pub fn provider(&self, certificates: PathBuf) -> ProviderConfig {
        ProviderConfig {
            host: Some(format!("tcp://127.0.0.1:{}", self.port)),
            tls_directory: Some(certificates),
            ..ProviderConfig::named("test")
        }
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a CA")
}

fn signed(by: &CertifiedIssuer<'static, KeyPair>, name: &str) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
    (params.signed_by(&key, by).expect("a certificate"), key)
}

fn write(directory: &Path, ca: &str, (certificate, key): &(rcgen::Certificate, KeyPair)) {
    let files = [
        ("ca.pem", ca.to_owned()),
        ("cert.pem", certificate.pem()),
        ("key.pem", key.serialize_pem()),
    ];
    for (name, text) in files {
        std::fs::write(directory.join(name), text).expect("written");
    }
}

fn socket() -> PathBuf {
    let local = endpoint(&ProviderConfig::named("test"), &Environment::of_process()).expect("an engine's address");
    match local.address {
        Address::Unix(socket) => socket,
        other => panic!("{other} has no socket on this machine"),
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, socket: PathBuf) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, socket) = (acceptor.clone(), socket.clone());
        tokio::spawn(async move {
            let mut near = acceptor.accept(stream).await?;
            let mut far = UnixStream::connect(socket).await?;
            tokio::io::copy_bidirectional(&mut near, &mut far).await
        });
    }
}
