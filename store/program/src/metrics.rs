//! Serves the store's stats over HTTP, for Prometheus, as an ordinary client of the store.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bowstring_store::Client;

/// The time that a scrape may take to send its request, and to read.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest head of a request that is read.
const LONGEST: usize = 8192;

/// Serves at an address from now on, in a thread; returns the address.
pub(crate) fn answer(at: &str, socket: PathBuf) -> io::Result<SocketAddr> {
    let at = if at.contains(':') { at.to_owned() } else { format!("127.0.0.1:{at}") };
    let listener = TcpListener::bind(at)?;
    let address = listener.local_addr()?;
    std::thread::Builder::new().name("metrics".to_owned()).spawn(move || {
        for stream in listener.incoming() {
            match stream {
                // One at a time: a slow scrape delays other scrapes, but never the store.
                Ok(stream) => drop(serve(stream, &socket)),
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    })?;
    Ok(address)
}

/// Reads a request up to its empty line, or as far as is taken. It may come in any number of pieces.
fn head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + PATIENCE;
    let mut request = Vec::new();
    let mut piece = [0; 1024];
    while request.len() < LONGEST && !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut piece)? {
            0 => break,
            len => request.extend_from_slice(piece.get(..len).unwrap_or_default()),
        }
    }
    Ok(request)
}

fn serve(mut stream: TcpStream, socket: &std::path::Path) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = head(&mut stream)?;
    let found = request.starts_with(b"GET /metrics ") || request.starts_with(b"GET / ");
    let text = Client::connect(socket).and_then(|mut client| client.stat());
    let (status, body) = match text {
        Ok(text) if found => ("200 OK", text),
        Ok(_) => ("404 Not Found", "the stats are at /metrics\n".to_owned()),
        Err(error) => ("503 Service Unavailable", format!("{error}\n")),
    };
    let len = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n{body}"
    )
}
