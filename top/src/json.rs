//! A sample as one JSON object.

use std::time::Duration;

use serde_json::{Value, json};

use crate::watch::{Running, Sample, State};

/// Returns the object.
pub(crate) fn object(sample: &Sample) -> Value {
    let socket = sample.address.to_string();
    match &sample.state {
        State::Absent(error) => json!({ "socket": socket, "error": error.to_string() }),
        State::Silent(why) => json!({ "socket": socket, "error": why }),
        State::Running(running) => {
            let Running { now, rates, receivers } = running.as_ref();
            let receivers: Vec<Value> = receivers
                .iter()
                .map(|receiver| {
                    json!({
                        "pid": receiver.now.pid,
                        "messages": receiver.now.messages,
                        "bytes": receiver.now.bytes,
                        "bytes_per_second": receiver.bytes_per_second,
                        "waiting": receiver.now.messages.saturating_sub(receiver.now.taken),
                        "slots": receiver.now.slots,
                        "skipped": receiver.now.skipped,
                        "latency_ns": receiver.now.latency.map(|latency| json!({
                            "least": nanos(latency.least),
                            "most": latency.most.map(nanos),
                        })),
                    })
                })
                .collect();
            json!({
                "socket": socket,
                "pid": now.pid,
                "messages": now.messages,
                "bytes": now.bytes,
                "messages_per_second": rates.messages,
                "bytes_per_second": rates.bytes,
                "wake_ups_per_second": rates.wake_ups,
                "stalls_per_second": rates.stalls,
                "slots": now.slots,
                "slot_size": now.slot_size,
                "slots_in_use": now.slots_in_use,
                "high_water": now.high_water,
                "stalls": now.stalls,
                "skips": now.skips,
                "wake_ups": now.wake_ups,
                "receivers": receivers,
            })
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
