/**
 * Starts the companions of a sandbox (a relay to the network proxy) beside the driver, as nobody's children, without
 * its channel and its streams, waits until they listen, and becomes the driver.
 *
 *     bash companions.sh CHANNEL PORT,PORT (COUNT PROGRAM ARGUMENTS...)... -- COMMAND...
 */
export const companionsFileName = "companions.sh";

export const companionsScript = `channel=$1 ports=$2
shift 2
while [ "$1" != -- ]; do
  count=$1
  shift
  (
    eval "exec $channel>&-"
    "@{@:1:count}" </dev/null >/dev/null 2>&1 &
  )
  shift "$count"
done
shift
exec {never}<> <(:)
for port in @{ports//,/ }; do
  for ((try = 0; try < 2000; try++)); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
    read -r -t 0.005 -u "$never"
  done
done
exec {never}>&-
exec "$@"
`.replaceAll("@{", "${");

export function companionsCommand(
  folder: string,
  channel: number,
  ports: readonly number[],
  companions: readonly (readonly string[])[],
): string[] {
  if (companions.length === 0) return [];
  const counted = companions.flatMap((companion) => [String(companion.length), ...companion]);
  const start = ["/bin/bash", "--noprofile", "--norc", `${folder}/${companionsFileName}`];
  return [...start, String(channel), ports.join(","), ...counted, "--"];
}
