/** Images by name: looked for, pulled where that is allowed, asked what they have. Each once for each state of the daemon. */
import { OrchestratorError } from "../../../../model/error.js";
import { defaultDockerImageName, type ResolvedDockerOptions } from "../../../docker-options.js";
import type { Language } from "../../../language.js";
import { PackageViews } from "../../../packages/index.js";
import type { PackageView } from "../../../packages/view.js";
import { DaemonError, type DockerClient } from "../client/client.js";
import { type ImageFacts, type InspectionSettings, inspectImage } from "./inspect-image.js";
import { provideViewImage, type ViewImage } from "./view-image.js";

export interface NamedImage {
  readonly id: string;
  readonly name: string;
}

/** What an image has does not change: asked once for all backends of this process. */
const factsOfImages = new Map<string, Promise<ImageFacts>>();

export class Images {
  readonly #client: DockerClient;
  readonly #pulls = new Map<string, Promise<void>>();
  readonly #resolvers = new Map<ImageFacts, PackageViews>();
  readonly #views = new Map<string, Promise<ViewImage>>();

  constructor(client: DockerClient) {
    this.#client = client;
  }

  /** The image, if the daemon has it. */
  async find(name: string): Promise<NamedImage | undefined> {
    const found = await this.#client.inspectImage(name);
    return found === undefined ? undefined : { id: found.Id, name };
  }

  /** @throws OrchestratorError `SANDBOX_FAILURE` for one that is not there and may not, or cannot, be pulled. */
  async require(name: string, pull: ResolvedDockerOptions["pull"]): Promise<NamedImage> {
    const found = await this.find(name);
    if (found !== undefined) return found;
    if (pull === "never") throw missing(name, 'docker.pull is "never"');
    try {
      await this.#once(this.#pulls, name, () => this.#client.pullImage(name));
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error;
      throw missing(name, `pulling it failed: ${error.message}`);
    }
    const pulled = await this.find(name);
    if (pulled === undefined) throw missing(name, "it was pulled, and is not there");
    return pulled;
  }

  facts(image: NamedImage, settings: InspectionSettings): Promise<ImageFacts> {
    const key = JSON.stringify([image.id, settings.folders]);
    return this.#once(factsOfImages, key, () => inspectImage(this.#client, image, settings));
  }

  /** @throws OrchestratorError `PACKAGE_NOT_FOUND` for a package that the image does not have. */
  async resolve(
    image: NamedImage,
    facts: ImageFacts,
    language: Language,
    allowed: readonly string[],
  ): Promise<PackageView | undefined> {
    if (language.name !== "python" && language.name !== "javascript") return undefined;
    let resolver = this.#resolvers.get(facts);
    if (resolver === undefined) {
      const nodeModules = facts.packageFolders.filter((folder) => !/\/(?:site|dist)-packages$/.test(folder));
      resolver = new PackageViews({
        ofImage: true,
        nodeModules: nodeModules.map((folder) => `${facts.skeleton}${folder}`),
        ...(facts.python === undefined ? {} : { pythonEnvironment: facts.python }),
      });
      this.#resolvers.set(facts, resolver);
    }
    try {
      return await resolver.view(language.name, allowed);
    } catch (error) {
      if (!(error instanceof OrchestratorError) || error.code !== "PACKAGE_NOT_FOUND") throw error;
      const said = error.message.replaceAll(facts.skeleton, "").replace(/[:,] install it with .*$/s, "");
      throw new OrchestratorError(
        "PACKAGE_NOT_FOUND",
        `in the image ${image.name}, ${said}; make an image that has it ("orchestrator images build --docker --package ..."), and name it with docker.image`,
        { cause: error },
      );
    }
  }

  async viewImage(
    image: NamedImage,
    facts: ImageFacts,
    language: Language,
    view: PackageView | undefined,
  ): Promise<ViewImage> {
    const key = JSON.stringify([image.id, language.name, view?.digest]);
    const made = this.#once(this.#views, key, () => provideViewImage(this.#client, { image, facts, language, view }));
    const { id } = await made;
    // Somebody may have tidied up.
    if ((await this.#client.inspectImage(id)) !== undefined) return made;
    this.#views.delete(key);
    return this.#once(this.#views, key, () => provideViewImage(this.#client, { image, facts, language, view }));
  }

  #once<Value>(known: Map<string, Promise<Value>>, key: string, make: () => Promise<Value>): Promise<Value> {
    const found = known.get(key);
    if (found !== undefined) return found;
    const made = make();
    known.set(key, made);
    made.catch(() => known.delete(key));
    return made;
  }
}

function missing(name: string, why: string): OrchestratorError {
  return new OrchestratorError(
    "SANDBOX_FAILURE",
    `the daemon has no image ${name}, and ${why}; fetch it ("docker pull ${name}"), or make one ("orchestrator images build --docker" makes ${JSON.stringify(defaultDockerImageName)}) and name it with docker.image`,
  );
}
