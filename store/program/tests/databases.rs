//! Tables that are read from databases, by the drivers that Python's packages have.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;
use support::{Room, Store, until};

/// Python code that runs until its standard input ends, once it has said that it is ready.
fn python(room: &Room, code: &str) -> Child {
    let python = std::env::var_os("PYTHON").map_or_else(|| "python3".into(), PathBuf::from);
    let code = format!("import sys, sqlite3\n{code}\nprint('ready', flush=True)\nsys.stdin.read()\n");
    let mut command = Command::new(python);
    let command = command.args(["-c", &code]).current_dir(&room.0);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    child
}

fn ended(mut child: Child) {
    drop(child.stdin.take());
    child.wait().unwrap();
}

const MAKE: &str = "
db = sqlite3.connect('app.db')
db.execute('create table orders (id integer, place text)')
db.execute(\"insert into orders values (1, 'here'), (2, null)\")
db.commit()
db.close()";

const ORDERS: &str = "id,place\n1,here\n2,\n";

#[test]
fn a_database_is_served_read_again_and_fallen_back_to() {
    let room = Room::new();
    ended(python(&room, MAKE));
    std::fs::create_dir(room.0.join("bowstring")).unwrap();
    std::fs::write(room.0.join("bowstring/tables.toml"), "[tables]\norders = \"../app.db#orders\"\n")
        .unwrap();
    // No store: the database that the configuration names.
    let output = room.run(&["get", "orders", "--csv", "--report"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.contains("no ADBC driver") {
        return println!("skipped, because {said}");
    }
    assert_eq!(String::from_utf8(output.stdout).unwrap(), ORDERS, "{said}");
    assert!(said.contains("\"method\":\"source\"") && said.contains("no store"), "{said}");
    let store = Store::serve(&room, &["few=app.db#select id from orders where id > 1"]);
    assert_eq!(room.out(&["get", "orders", "--csv", "--method", "shared"]), ORDERS);
    assert_eq!(room.out(&["get", "few", "--csv"]), "id\n2\n");
    let listed = room.out(&["ls"]);
    assert!(listed.contains("app.db#orders"), "{listed}");
    let (exit, said) = room.fails(&["put", "orders", "app.db#orders"]);
    assert!(exit == 4 && said.contains("is read from"), "{said}");
    room.out(&["put", "copy", "app.db#orders"]);
    assert_eq!(room.out(&["get", "copy", "--csv"]), ORDERS);
    // Whoever has written to it closes it: it is read again.
    ended(python(
        &room,
        "db = sqlite3.connect('app.db')\ndb.execute('insert into orders values (3, null)')\ndb.commit()\ndb.close()",
    ));
    until(|| room.out(&["get", "orders", "--count"]) == "3\n");
    // While somebody holds a lock on it, the error says who, and that the store has the table.
    let holder = python(&room, "db = sqlite3.connect('app.db')\ndb.execute('begin exclusive')");
    let (exit, said) = room.fails(&["get", "orders", "--method", "source"]);
    assert_eq!(exit, 4, "{said}");
    assert!(said.contains(&format!("app.db is locked by process {} (python", holder.id())), "{said}");
    assert!(said.contains("the store has the table: bowstring get orders"), "{said}");
    assert!(room.fails(&["put", "copy", "app.db#orders"]).1.contains("the store has the table"));
    assert_eq!(room.out(&["get", "orders", "--count"]), "3\n");
    // One that cannot be read keeps what it had, says why, and is tried again.
    store.signal(Signal::HUP);
    until(|| room.out(&["ls"]).contains("is locked by process"));
    assert_eq!(room.out(&["get", "orders", "--count"]), "3\n");
    ended(holder);
    until(|| !room.out(&["ls"]).contains("locked"));
}

#[test]
fn what_is_wrong_with_a_database_is_said() {
    let room = Room::new();
    ended(python(&room, MAKE));
    let (exit, said) = room.fails(&["serve", "orders=app.db"]);
    assert!(exit == 2 && said.contains("a table is missing") && said.contains("app.db#orders"), "{said}");
    let (exit, said) = room.fails(&["serve", "--driver", "oracle=x", "orders=app.db#orders"]);
    assert!(exit == 2 && said.contains("none of sqlite, duckdb, postgresql"), "{said}");
    let _store = Store::serve(&room, &["--driver", "sqlite=/nowhere.so", "orders=app.db#orders"]);
    until(|| room.out(&["ls"]).contains("pip install adbc-driver-sqlite"));
    let (_, said) = room.fails(&["get", "orders"]);
    assert!(said.contains("/nowhere.so"), "{said}");
}
