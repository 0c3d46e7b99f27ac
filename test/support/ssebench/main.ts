/** One load in a process of its own: `node main.ts '{"kind":"streams", …}'`. Prints its figures as one line of JSON. */
import { type BodiesPlan, runBodies } from './bodies.ts';
import { type ChurnPlan, runChurn } from './churn.ts';
import { type RequestsPlan, runRequests } from './requests.ts';
import { runStreams, type StreamsPlan } from './streams.ts';

export type Plan =
  | ({ readonly kind: 'streams' } & StreamsPlan)
  | ({ readonly kind: 'requests' } & RequestsPlan)
  | ({ readonly kind: 'bodies' } & BodiesPlan)
  | ({ readonly kind: 'churn' } & ChurnPlan);

function run(plan: Plan) {
  switch (plan.kind) {
    case 'streams':
      return runStreams(plan);
    case 'requests':
      return runRequests(plan);
    case 'bodies':
      return runBodies(plan);
    case 'churn':
      return runChurn(plan);
  }
}

console.log(JSON.stringify(await run(JSON.parse(process.argv[2] ?? '') as Plan)));
