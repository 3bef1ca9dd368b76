//! A sample as one JSON object.

use std::time::Duration;

use serde_json::{Value, json};

use crate::watch::{Place, Running, Sample, State};

/// Returns the object.
pub(crate) fn object(sample: &Sample) -> Value {
    let mut object = state(&sample.state);
    let (socket, process) = match &sample.place {
        Place::Address(address) => (Some(address.to_string()), None),
        Place::Process { pid, program, .. } => (None, Some((*pid, program))),
    };
    object["socket"] = json!(socket);
    if let Some((pid, program)) = process {
        // As the kernel names them, whatever the stats say.
        object["pid"] = json!(pid);
        object["program"] = json!(program);
    }
    object
}

fn state(state: &State) -> Value {
    match state {
        State::Absent(error) => json!({ "error": error.to_string() }),
        State::Silent(why) => json!({ "error": why }),
        State::Running(running) => {
            let Running { now, rates, receivers } = running.as_ref();
            let receivers: Vec<Value> = receivers
                .iter()
                .map(|receiver| {
                    json!({
                        "pid": receiver.now.pid,
                        "place": receiver.now.place,
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
