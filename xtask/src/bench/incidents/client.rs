//! A client of the API on a connection that stays open.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

pub(super) struct Client {
    stream: BufReader<TcpStream>,
    /// Lines of each request's head, each ended.
    login: String,
}

impl Client {
    pub(super) fn new(port: u16) -> Result<Self, String> {
        let stream = TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(Self { stream: BufReader::new(stream), login: String::new() })
    }

    /// The same client as whoever has a token.
    pub(super) fn with_token(self, token: &str) -> Self {
        Self { login: format!("Authorization: Bearer {token}\r\n"), ..self }
    }

    pub(super) fn get(&mut self, path: &str) -> Result<Vec<u8>, String> {
        let login = &self.login;
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{login}\r\n"), 200)
    }

    pub(super) fn post(&mut self, path: &str, body: &str) -> Result<Vec<u8>, String> {
        let length = body.len();
        let head = format!("{}Host: localhost\r\nContent-Type: application/json", self.login);
        self.ask(&format!("POST {path} HTTP/1.1\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}"), 201)
    }

    /// The year in which numbers of incidents are given now, as the server's own clock has it.
    pub(super) fn year(&mut self) -> Result<String, String> {
        let head = self.head_of("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        let date = head.iter().find_map(|line| line.strip_prefix("date: ")).ok_or("no date in the answer")?;
        date.split(' ').nth(3).map(str::to_owned).ok_or_else(|| format!("no year in {date}"))
    }

    fn head_of(&mut self, request: &str) -> Result<Vec<String>, String> {
        let (head, _) = self.exchange(request)?;
        Ok(head)
    }

    fn ask(&mut self, request: &str, want: u16) -> Result<Vec<u8>, String> {
        let (head, body) = self.exchange(request)?;
        let status = head.first().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse::<u16>().ok());
        match status == Some(want) {
            true => Ok(body),
            false => {
                let first = request.lines().next().unwrap_or_default();
                Err(format!(
                    "{first}: {} {}",
                    head.first().cloned().unwrap_or_default(),
                    String::from_utf8_lossy(&body)
                ))
            }
        }
    }

    fn exchange(&mut self, request: &str) -> Result<(Vec<String>, Vec<u8>), String> {
        let failed = |error: std::io::Error| error.to_string();
        self.stream.get_mut().write_all(request.as_bytes()).map_err(failed)?;
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).map_err(failed)? == 0 {
                return Err("the connection was closed".into());
            }
            match line.trim_end() {
                "" => break,
                line => head.push(line.to_ascii_lowercase()),
            }
        }
        let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0usize);
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).map_err(failed)?;
        Ok((head, body))
    }
}
