//! TLS to an engine, with both ends proving who they are: the files that the Docker CLI uses.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mngr_contract::Result;
use mngr_contract::error::invalid;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The files of one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// Certificates of those who may sign the engine's.
    pub ca: PathBuf,
    /// This end's certificate and its key; none where the engine asks for none.
    pub client: Option<(PathBuf, PathBuf)>,
}

impl Files {
    /// The files of a directory under the names that the Docker CLI gives them: `ca.pem`, `cert.pem`, `key.pem`.
    pub fn of_directory(directory: &Path) -> Self {
        let (certificate, key) = (directory.join("cert.pem"), directory.join("key.pem"));
        let client = (certificate.exists() || key.exists()).then_some((certificate, key));
        Self {
            ca: directory.join("ca.pem"),
            client,
        }
    }
}

/// Makes connections to one engine.
pub(super) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tls {
    /// For the engine at `host`, whose certificate must bear that name or address.
    ///
    /// # Errors
    /// `invalid-argument` for a file that is not there or does not hold what it should, and for a host that can have no
    /// certificate.
    pub(super) fn new(host: &str, files: &Files) -> Result<Self> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| {
            invalid(
                "host",
                host,
                error.to_string(),
                "name the engine as its certificate does",
            )
        })?;
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&files.ca)? {
            roots.add(certificate).map_err(|error| at_fault(&files.ca, &error))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| at_fault(&files.ca, &error))?
            .with_root_certificates(roots);
        let config = match &files.client {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates(certificate)?;
                let read = PrivateKeyDer::from_pem_file(key).map_err(|error| at_fault(key, &error))?;
                builder
                    .with_client_auth_cert(chain, read)
                    .map_err(|error| at_fault(key, &error))?
            }
        };
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            name,
        })
    }

    pub(super) async fn connect(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if certificates.is_empty() => Err(at_fault(path, &"there is no certificate in it")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(at_fault(path, &error)),
    }
}

fn at_fault(path: &Path, reason: &dyn std::fmt::Display) -> mngr_contract::ProviderError {
    invalid(
        path.display().to_string(),
        "",
        reason.to_string(),
        "put the engine's CA, your certificate and its key there (ca.pem, cert.pem, key.pem), as PEM; \
         DOCKER_CERT_PATH, the Docker context or `tls_directory` names the directory",
    )
}
