#pragma once
// Clang's thread-safety annotations (-Wthread-safety). They say which lock guards a member, and
// which lock a function needs; clang proves it for every path. Other compilers see nothing.
// https://clang.llvm.org/docs/ThreadSafetyAnalysis.html

#if defined(__clang__)
#define TROTH_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define TROTH_THREAD_ATTRIBUTE(x)
#endif

/// A member that is read and written only while `mutex` is held.
#define TROTH_GUARDED_BY(mutex) TROTH_THREAD_ATTRIBUTE(guarded_by(mutex))
/// A function that is called only while the mutexes are held; it holds them when it returns.
#define TROTH_REQUIRES(...) TROTH_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define TROTH_REQUIRES_SHARED(...) TROTH_THREAD_ATTRIBUTE(requires_shared_capability(__VA_ARGS__))
/// A function that must not be called while the mutexes are held.
#define TROTH_EXCLUDES(...) TROTH_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
/// A function that clang cannot follow. A comment beside the use says why it is right.
#define TROTH_NO_THREAD_CHECK TROTH_THREAD_ATTRIBUTE(no_thread_safety_analysis)

// For lock types (os/mutex.h) only.
#define TROTH_CAPABILITY(name) TROTH_THREAD_ATTRIBUTE(capability(name))
#define TROTH_SCOPED_CAPABILITY TROTH_THREAD_ATTRIBUTE(scoped_lockable)
#define TROTH_ACQUIRE(...) TROTH_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define TROTH_ACQUIRE_SHARED(...) TROTH_THREAD_ATTRIBUTE(acquire_shared_capability(__VA_ARGS__))
#define TROTH_RELEASE(...) TROTH_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define TROTH_RELEASE_GENERIC(...) TROTH_THREAD_ATTRIBUTE(release_generic_capability(__VA_ARGS__))
