//! The tokio example as it is, and as a receiver whose sender is killed.

use bowstring_tests::honest;
use bowstring_tests::puppet::Puppet;

#[path = "../../transport/examples/tokio.rs"]
#[allow(dead_code, unreachable_pub, reason = "a program of its own")]
mod example;

#[test]
fn the_example_receives_everything_and_sleeps_in_between() {
    let received = example::demonstrate().unwrap();
    assert_eq!((received.messages, received.bytes), (1000, 8000));
    assert!(received.sleeps > 0, "it never slept on its descriptor");
}

#[test]
fn its_task_wakes_up_for_a_crash() {
    let (here, there) = honest::sockets();
    let mut puppet =
        Puppet::start(env!("CARGO_BIN_EXE_puppet"), &["send", "Pooled", "all published"], Some(there));
    let incoming = honest::meet(here);
    puppet.await_step().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let mut killed = 0;
    let end = runtime.block_on(example::receive(incoming, |messages| {
        // The four that it had committed come first; it dies while the task goes to sleep.
        if messages == 4 {
            puppet.kill();
            killed = messages;
        }
    }));
    assert_eq!(killed, 4);
    assert_eq!(end.unwrap_err().to_string(), "the sender died without closing");
}
