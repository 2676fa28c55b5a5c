//! Panics while a history is played: the runtime keeps those of tasks to itself, and nothing may panic.

use std::cell::RefCell;
use std::panic;
use std::sync::Once;

/// More of one history tell nobody more.
const MAX_KEPT: usize = 10;

thread_local! {
    static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Plays, and returns what panicked on this thread meanwhile.
pub fn during<T>(play: impl FnOnce() -> T) -> (T, Vec<String>) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |what| {
            // A thread that is ending keeps nothing any more.
            let _ = SEEN.try_with(|seen| {
                let mut seen = seen.borrow_mut();
                if seen.len() < MAX_KEPT {
                    seen.push(what.to_string());
                }
            });
            before(what);
        }));
    });
    SEEN.take();
    let outcome = play();
    (outcome, SEEN.take())
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_a_task_keeps_to_itself_is_seen() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let (is_lost, seen) = super::during(|| {
            runtime.block_on(async { tokio::spawn(async { panic!("of a task") }).await.is_err() })
        });
        assert!(is_lost);
        assert!(
            matches!(&seen[..], [one] if one.contains("of a task")),
            "{seen:?}"
        );
        assert_eq!(super::during(|| ()).1, Vec::<String>::new());
    }
}
