//! A receiver in an async program.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use bowstring::transport::{Deliveries, Delivery};
use bowstring::{BatchStream, Receiver, Sender};
use futures_core::Stream;

const BATCHES: i64 = 200;

fn batch(n: i64) -> RecordBatch {
    RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![n; 10])) as ArrayRef)]).unwrap()
}

async fn next(stream: &mut BatchStream) -> Option<RecordBatch> {
    poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await.transpose().unwrap()
}

#[test]
fn every_batch_comes_in_order_while_the_runtime_is_free_for_others() {
    for delivery in [Delivery::Pooled, Delivery::Copied, Delivery::Sealed] {
        let name = format!("bowstring-stream-{}-{delivery:?}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut sender = Sender::bind(&path, batch(0).schema()).unwrap();
        let (go_on, wanted) = mpsc::channel::<()>();
        let sending = std::thread::spawn(move || {
            for n in 0..BATCHES {
                // Every tenth waits until all before it have come, so that the task has to sleep.
                if n % 10 == 0 && n > 0 {
                    wanted.recv().unwrap();
                }
                sender.send(&batch(n)).unwrap();
            }
        });
        let receiver = Receiver::builder().deliveries(Deliveries::only(delivery)).connect(&path).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let came = runtime.block_on(async {
            let mut stream = receiver.into_stream().unwrap();
            let other = tokio::spawn(async {
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
            });
            let mut came = Vec::new();
            while let Some(batch) = next(&mut stream).await {
                let column = batch.column(0).as_any().downcast_ref::<Int64Array>().unwrap();
                came.push(column.value(9));
                if came.len() % 10 == 0 {
                    let _ = go_on.send(());
                }
            }
            assert!(next(&mut stream).await.is_none(), "the end stays the end");
            other.await.unwrap();
            came
        });
        sending.join().unwrap();
        assert_eq!(came, (0..BATCHES).collect::<Vec<i64>>(), "{delivery:?}");
    }
}
