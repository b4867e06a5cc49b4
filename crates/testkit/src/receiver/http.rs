//! As much of HTTP/1.1 as a receiver of webhooks needs: requests with a content-length.

use super::{Manner, Received, Reply};

const HEAD_END: &[u8] = b"\r\n\r\n";

/// Takes one whole request out of the buffer, if it is there.
pub(super) fn take_request(buffer: &mut Vec<u8>) -> Option<Received> {
    let head_len = buffer
        .windows(HEAD_END.len())
        .position(|window| window == HEAD_END)?;
    let head = String::from_utf8_lossy(&buffer[..head_len]).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let body_len: usize = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0);
    let body_from = head_len + HEAD_END.len();
    if buffer.len() < body_from + body_len {
        return None;
    }
    let rest = buffer.split_off(body_from + body_len);
    let body = std::mem::replace(buffer, rest).split_off(body_from);
    Some(Received {
        method: first.next().unwrap_or_default().to_owned(),
        target: first.next().unwrap_or_default().to_owned(),
        headers,
        body,
    })
}

/// The head of an answer; empty for one that has none.
pub(super) fn head(reply: &Reply) -> Vec<u8> {
    if reply.manner == Manner::Raw {
        return Vec::new();
    }
    let mut head = format!("HTTP/1.1 {} Scripted\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if reply.manner == Manner::Close {
        head.push_str("connection: close\r\n");
    }
    // These have no body, and saying that it has no bytes is an error.
    if reply.status != 204 && reply.status != 304 && reply.status >= 200 {
        head.push_str(&format!("content-length: {}\r\n", reply.body.len()));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_taken_when_they_are_whole_and_one_after_the_other() {
        let one = b"POST /a?b HTTP/1.1\r\nWebhook-Id: msg_1\r\nContent-Length: 3\r\n\r\nabc";
        let whole = [&one[..], b"GET / HTTP/1.1\r\n\r\n"].concat();
        for cut in 0..one.len() {
            assert_eq!(take_request(&mut whole[..cut].to_vec()), None);
        }
        let mut buffer = whole;
        let first = take_request(&mut buffer).unwrap();
        assert_eq!(
            (first.method.as_str(), first.target.as_str()),
            ("POST", "/a?b")
        );
        assert_eq!((first.id(), first.body.as_slice()), ("msg_1", &b"abc"[..]));
        assert_eq!(take_request(&mut buffer).unwrap().method, "GET");
        assert!(buffer.is_empty());
    }
}
