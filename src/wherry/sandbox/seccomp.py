"""PURE: the system calls that a container may make: what Docker allows with its default capabilities.

Facts from Docker's documentation ("Seccomp security profiles for Docker") and its default profile as of
2026: everything not named here fails with EPERM; clone3 fails with ENOSYS, so that libc falls back to
clone, whose flags can be looked at; io_uring is left out, as Docker does since 25.0.
"""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

ALLOWED = """
accept accept4 access adjtimex alarm arch_prctl bind brk capget capset chdir chmod chown chown32 chroot
clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
clock_nanosleep clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3
epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old
eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate
fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr
flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate
ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat get_robust_list
get_thread_area getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32
getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid
getresgid32 getresuid getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday
getuid getuid32 getxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy
io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set ipc kill
landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat
listen listxattr llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack
membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2
modify_ldt mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend
mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap
name_to_handle_at nanosleep newfstatat _newselect open openat openat2 pause pidfd_open pidfd_send_signal
pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2
prlimit64 process_mrelease process_vm_readv process_vm_writev pselect6 pselect6_time64 ptrace pwrite64
pwritev pwritev2 read readahead readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg
remap_file_pages removexattr rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction
rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity
sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64
sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl semget
semop semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto set_robust_list
set_thread_area set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups
setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32
setreuid setreuid32 setrlimit setsid setsockopt setuid setuid32 setxattr shmat shmctl shmdt shmget shutdown
sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs
statfs64 statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create
timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create
timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate truncate64
ugetrlimit umask uname unlink unlinkat utime utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid
waitpid write writev
"""

AF_VSOCK = 40
# CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}: with one of them, clone makes a namespace.
CLONE_NAMESPACES = 0x7E020000
# PER_LINUX, PER_LINUX32, UNAME26, both, and "only ask".
PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)
ENOSYS = 38


def _allow(name: str, *conditions: tuple[int, str, int, int]) -> dict[str, Any]:
    args = [{"index": i, "op": op, "value": v, "valueTwo": two} for i, op, v, two in conditions]
    return {"names": [name], "action": "SCMP_ACT_ALLOW", "args": args}


SECCOMP: dict[str, Any] = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "defaultErrnoRet": 1,
    "syscalls": [
        {"names": ALLOWED.split(), "action": "SCMP_ACT_ALLOW"},
        _allow("socket", (0, "SCMP_CMP_NE", AF_VSOCK, 0)),
        _allow("clone", (0, "SCMP_CMP_MASKED_EQ", CLONE_NAMESPACES, 0)),
        *(_allow("personality", (0, "SCMP_CMP_EQ", value, 0)) for value in PERSONALITIES),
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS},
    ],
}

OBSERVED = """
access chdir chmod chown execve execveat faccessat faccessat2 fchmodat fchownat getxattr lgetxattr lstat
mkdir mkdirat newfstatat open openat openat2 readlink readlinkat stat statx
"""
"""The calls that look for a file by its name."""
KILLABLE = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"
"""Linux 5.19: without it a signal that comes while the listener works makes open() fail with EINTR, which
it never does else.  One that comes before the listener has heard of the call still does."""


def observed(socket: str) -> dict[str, Any]:
    """The same, where whoever listens at `socket` is asked before each call of OBSERVED (runtime-spec,
    config-linux.md, "The Container Process State"); a tracer, where `socket` is empty."""
    told = OBSERVED.split()
    first, *others = SECCOMP["syscalls"]
    allowed = {**first, "names": [name for name in first["names"] if name not in told]}
    if not socket:
        return {**SECCOMP, "syscalls": [allowed, {"names": told, "action": "SCMP_ACT_TRACE"}, *others]}
    return {
        **SECCOMP,
        "listenerPath": socket,
        "flags": [KILLABLE],
        "syscalls": [allowed, {"names": told, "action": "SCMP_ACT_NOTIFY"}, *others],
    }
