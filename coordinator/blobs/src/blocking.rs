//! Runs blocking work from asynchronous code.

/// Runs `work` on a blocking thread. A panic continues in the caller.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down and drops this task too.
            Err(_) => std::future::pending().await,
        },
    }
}
