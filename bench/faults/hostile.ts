/** Partners at the other end of a line that are the enemy's: what the tests hold to a verdict, and benchmarks time. */

/** Said by an agent of a container, in Perl, once it has told that its driver is ready. */
export const agentDeeds = {
  claim: 'syswrite(STDOUT, "\\xff\\xff\\xff\\xffC"); sleep 60',
  nonsense: 'syswrite(STDOUT, "\\0\\0\\0\\1?x"); sleep 60',
  flood: 'my $x = pack("Na", 65536, "1") . ("x" x 65536); 1 while syswrite(STDOUT, $x)',
  end: "exit 3",
  silence: "sleep 60",
} as const;

/** The command of a container whose agent says that its driver is ready, as ours would, and then turns. */
export function hostileAgent(deed: string): string[] {
  return ["/usr/bin/perl", "-e", `$| = 1; syswrite(STDOUT, pack("NaA*", 6, "C", "ready\\n")); sleep 1; ${deed};`];
}

/** Done by the first program of a guest, in busybox, once it has passed its gate. `printf` writes the bytes of frames. */
export const guestDeeds = {
  panic: "echo c >/proc/sysrq-trigger",
  end: "exit 0",
  claim: "$b printf '\\377\\377\\377\\377C' >&3",
  nonsense: "$b printf '\\0\\0\\0\\1?x' >&3",
  flood: "while :; do $b cat /dev/zero >&3; done",
  silence: "",
} as const;

/** Says hello and passes its gate, as an agent would, and then turns. */
export function hostileGuest(deed: string): string {
  return `#!/bin/busybox sh
b=/bin/busybox
$b mkdir -p /proc /sys
$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
while read -r module; do $b insmod "/modules/$module.ko"; done </modules/order
until [ -c /dev/vport0p1 -o -c /dev/vport1p1 ]; do $b usleep 20000; done
line=/dev/vport0p1
[ -c $line ] || line=/dev/vport1p1
until (exec 3<>$line) 2>/dev/null; do $b usleep 20000; done
exec 3<>$line
$b printf '\\0\\0\\0\\0G' >&3
$b sleep 1
${deed}
while :; do $b sleep 1; done
`;
}
