/** Removes what supervisors that were killed left with a daemon, and views that nobody has used for long; nothing else. */
import type { DockerClient } from "./client/client.js";
import { isOfDeadSupervisor, supervisorLabel, viewLabel } from "./labels.js";

const keptViewSeconds = 14 * 24 * 3600;
/** Long enough for any living supervisor to have removed its own. */
const abandonedSeconds = 3600;

/** Ids and names of what was removed. */
export async function sweepDocker(client: DockerClient): Promise<readonly string[]> {
  const now = Date.now() / 1000;
  const containers = await client.listContainers(supervisorLabel);
  const dead = containers.filter(({ Labels, State, Created }) => {
    const label = Labels?.[supervisorLabel];
    if (label === undefined) return false;
    // Of another boot, or another machine, nothing can be asked; what has stopped long ago is nobody's any more.
    return isOfDeadSupervisor(label) || (State !== "running" && now - Created > abandonedSeconds);
  });
  const views = await client.listImages(viewLabel);
  const old = views.filter(({ Created }) => now - Created > keptViewSeconds);
  const removals = [
    ...dead.map(({ Id }) => client.removeContainer(Id).then(() => Id)),
    // Refused where a container is made of it, and rightly so.
    ...old.map(({ Id, RepoTags }) => client.removeImage(RepoTags?.[0] ?? Id).then(() => Id)),
  ];
  const settled = await Promise.allSettled(removals);
  return settled.flatMap((removal) => (removal.status === "fulfilled" ? [removal.value] : []));
}
