//! Gets a URL as any Rust program would: reqwest's client, which reads the proxy and the roots from
//! the environment. The second argument says which of the two usual TLS libraries is used.

use std::env;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(1).ok_or("which URL?")?;
    let client = reqwest::blocking::Client::builder();
    let client = match env::args().nth(2).as_deref() {
        Some("openssl") => client.use_native_tls(),
        Some("rustls") => client.use_rustls_tls(),
        _ => return Err("openssl or rustls?".into()),
    };
    let reply = client
        .build()?
        .get(url)
        .header("X-Api-Key", env::var("API_KEY")?)
        .send()?
        .error_for_status()?;
    println!("{}", reply.text()?);
    Ok(())
}
