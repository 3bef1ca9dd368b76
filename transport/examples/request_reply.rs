//! Asks a server on another thread for the square of each number, over one connection with a channel each way.

use bowstring_transport::call::Calls;
use bowstring_transport::{
    Connector, Deliveries, Delivery, HandshakeConfig, Incoming, Label, Sender, SenderConfig, socket_pair,
};

const REQUESTS: u64 = 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (here, there) = socket_pair()?;
    let serving = std::thread::spawn(move || serve(there).map_err(|error| error.to_string()));

    let mut sender = small()?;
    let (_, incoming) = sender.connect(here, &HandshakeConfig::both_ways(&copied()))?.both_ways()?;
    let replies = open(incoming)?;
    let mut calls = Calls::new();
    for number in 1..=REQUESTS {
        calls.sent(&sender.send(&number.to_le_bytes())?)?;
    }
    while calls.open() > 0 {
        let lease = replies.recv()?;
        let mut square = [0; 8];
        lease.copy_into(&mut square).ok_or("a message is not eight bytes long")?;
        if let Some(request) = calls.answered(&lease.meta()) {
            println!("request {request}: {}", u64::from_le_bytes(square));
        }
    }
    serving.join().map_err(|_| "the server panicked")??;
    Ok(())
}

fn serve(socket: std::os::fd::OwnedFd) -> Result<(), Box<dyn std::error::Error>> {
    let mut sender = small()?;
    let (_, incoming) = sender.accept(socket, &HandshakeConfig::both_ways(&copied()))?.both_ways()?;
    let requests = open(incoming)?;
    for _ in 0..REQUESTS {
        let lease = requests.recv()?;
        let mut number = [0; 8];
        lease.copy_into(&mut number).ok_or("a message is not eight bytes long")?;
        let reply_to = lease.meta().number;
        drop(lease);
        let mut loan = sender.loan(8)?;
        loan.copy_from_slice(&u64::from_le_bytes(number).pow(2).to_le_bytes());
        loan.commit_as(8, Label { reply_to, ..Label::default() })?;
    }
    Ok(())
}

fn small() -> Result<Sender, bowstring_transport::HandshakeError> {
    SenderConfig::new().slots(16, 64).build()
}

fn copied() -> Connector<'static> {
    Connector::new(Deliveries::only(Delivery::Copied))
}

fn open(
    incoming: Incoming,
) -> Result<bowstring_transport::Receiver<bowstring_transport::Foreign>, &'static str> {
    incoming.foreign().map_err(|_| "another delivery was agreed to")
}
