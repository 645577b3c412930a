/** What sandboxes can hold here: each backend attempts violations and sees whether they are stopped. */

import type { BackendReport, LanguageCapability, LimitCapability } from "../../sandbox/backend.js";
import { SandboxManager } from "../../sandbox/sandbox-manager.js";
import type { Finding } from "./check.js";

/** One finding for each backend, one for each of its languages, and one for all limits that it enforces. */
export async function sandboxFindings(): Promise<Finding[]> {
  await using manager = new SandboxManager();
  const backends = await manager.capabilities();
  return backends.flatMap(findingsOf);
}

function findingsOf(report: BackendReport): Finding[] {
  const { backend, available, reason, remedy, limits, languages, isolation, passedOver } = report;
  const name = `${backend} sandbox`;
  if (!available)
    return [
      {
        name,
        verdict: "limited",
        found: `not available: ${reason ?? "no reason was given"}`,
        ...(remedy !== undefined && { advice: remedy }),
      },
    ];
  const spoken = languages.filter(({ missing }) => missing === undefined);
  return [
    ...(spoken.length === 0
      ? []
      : [
          {
            name,
            verdict: "good",
            found: spoken.map(({ language, version }) => `${language} ${version ?? ""}`.trim()).join(", "),
          } as const,
        ]),
    {
      name,
      verdict: "good",
      found: `isolation: ${isolation ?? "unknown"}; ${passedOver === undefined ? "taken by default" : `not taken by default: ${passedOver}`}`,
    },
    ...missingFindings(name, languages),
    ...limitFindings(name, limits),
  ];
}

/** Languages that are missing for the same reason are told together. */
function missingFindings(name: string, languages: readonly LanguageCapability[]): Finding[] {
  const byReason = new Map<string, LanguageCapability[]>();
  for (const language of languages)
    if (language.missing !== undefined)
      byReason.set(language.missing, [...(byReason.get(language.missing) ?? []), language]);
  return [...byReason].map(([why, missing]) => ({
    name,
    verdict: "limited",
    found: `no ${missing.map(({ language }) => language).join(", no ")}: ${why}`,
    ...(missing[0]!.remedy !== undefined && { advice: missing[0]!.remedy }),
  }));
}

function limitFindings(name: string, limits: readonly LimitCapability[]): Finding[] {
  const enforced = limits.filter(({ strength }) => strength === "enforced");
  const others = limits.filter(({ strength }) => strength !== "enforced");
  const findings: Finding[] = [];
  if (enforced.length > 0)
    findings.push({
      name,
      verdict: "good",
      found: `enforced: ${enforced.map(({ limit, by }) => `${limit} (${by})`).join(", ")}`,
    });
  for (const { limit, by, strength, detail, remedy } of others)
    findings.push({
      name,
      verdict: "limited",
      found: `${limit}: ${strength === "none" ? "not held" : `${strength}, by ${by}`}${detail === undefined ? "" : `; ${detail}`}`,
      ...(remedy !== undefined && { advice: remedy }),
    });
  return findings;
}
