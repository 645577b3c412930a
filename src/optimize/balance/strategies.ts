/** Ways to choose among endpoints that may be called. Each is given one or more, in the order in which they were added. */
import { assertNever } from "../../model/error.js";
import type { LatencyEstimate } from "./latency.js";

/** What a choice looks at. */
export interface Candidate {
  readonly id: string;
  readonly weight: number;
  readonly inFlight: number;
  readonly latency: LatencyEstimate;
  /** For smooth weighted round-robin. */
  credit: number;
}

export const balanceStrategies = ["round-robin", "weighted", "least-loaded", "two-choices", "latency"] as const;

/**
 * - `"round-robin"`: each in turn.
 * - `"weighted"`: each in turn, in proportion to its weight, evenly mixed.
 * - `"least-loaded"`: the fewest calls in flight, for its weight.
 * - `"two-choices"`: the less loaded of two that are drawn (Mitzenmacher 2001): nearly as even, and callers that do not
 *   know of each other do not all run to the same one.
 * - `"latency"`: the one that is expected to answer first, from how long it took and how many calls it has.
 */
export type BalanceStrategy = (typeof balanceStrategies)[number];

export type Choose = <Endpoint extends Candidate>(endpoints: readonly Endpoint[], now: number) => Endpoint;

export function makeStrategy(strategy: BalanceStrategy, random: () => number): Choose {
  switch (strategy) {
    case "round-robin":
      return (endpoints) => inTurn(endpoints, () => 1);
    case "weighted":
      return (endpoints) => inTurn(endpoints, ({ weight }) => weight);
    case "least-loaded":
      return (endpoints) => smallest(endpoints, load, random);
    case "two-choices":
      return (endpoints) => smallest(drawTwo(endpoints, random), load, random);
    case "latency":
      return (endpoints, now) =>
        smallest(endpoints, ({ latency, inFlight }) => latency.expectedMs(inFlight, now), random);
    default:
      return assertNever(strategy);
  }
}

/** Smooth weighted round-robin, as in nginx (Igor Sysoev 2012). */
function inTurn<Endpoint extends Candidate>(
  endpoints: readonly Endpoint[],
  weightOf: (endpoint: Candidate) => number,
): Endpoint {
  let total = 0;
  let best = endpoints[0]!;
  for (const endpoint of endpoints) {
    const weight = weightOf(endpoint);
    total += weight;
    endpoint.credit += weight;
    if (endpoint.credit > best.credit) best = endpoint;
  }
  best.credit -= total;
  return best;
}

function load({ inFlight, weight }: Candidate): number {
  return (inFlight + 1) / weight;
}

/** The one with the smallest cost; one of them at random where there are several. */
function smallest<Endpoint extends Candidate>(
  endpoints: readonly Endpoint[],
  costOf: (endpoint: Endpoint) => number,
  random: () => number,
): Endpoint {
  let best = endpoints[0]!;
  let bestCost = costOf(best);
  let ties = 1;
  for (const endpoint of endpoints.slice(1)) {
    const cost = costOf(endpoint);
    if (cost > bestCost) continue;
    ties = cost < bestCost ? 1 : ties + 1;
    if (ties > 1 && random() * ties >= 1) continue;
    best = endpoint;
    bestCost = cost;
  }
  return best;
}

function drawTwo<Endpoint>(endpoints: readonly Endpoint[], random: () => number): readonly Endpoint[] {
  if (endpoints.length <= 2) return endpoints;
  const first = Math.floor(random() * endpoints.length) % endpoints.length;
  const second = (first + 1 + Math.floor(random() * (endpoints.length - 1))) % endpoints.length;
  return [endpoints[first]!, endpoints[second]!];
}
