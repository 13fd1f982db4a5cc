import { storyAccount } from './story.ts';

/** What GraphiQL opens with, and a newcomer runs first. */
export const firstQuery = `# Member "demo" checks coverage every 15 seconds: watch the results arrive, and every one come again until it is acknowledged.
subscription Coverage {
  coverageUpdates(accountId: "${storyAccount}") {
    workflowId
    status
    percent
    coverage { plan payer }
    failure { message }
    delivery { id sequence attempt replayed }
  }
}

# What was not acknowledged comes again: after 5 seconds, and to whoever subscribes next.
mutation Acknowledge($ids: [ID!] = []) {
  acknowledgeDeliveries(ids: $ids) { acknowledged alreadyAcknowledged unknown }
}

# The poll path: the same events, asked for.
query Pending {
  pendingDeliveries { nodes { type channel delivery { id } } pollAfterMs }
}
`;

/** For the terminal, beside the log: what to do in the first minute. No token stands in it. */
export function welcome(graphqlUrl: string, graphiql: boolean): string {
  const origin = new URL(graphqlUrl).origin;
  const body = JSON.stringify({
    query: `subscription { coverageUpdates(accountId: "${storyAccount}") { workflowId status coverage { plan } delivery { id } } }`,
  });
  const page = graphiql ? `\n  Watch events arrive (GraphiQL, already subscribed):\n\n    ${graphqlUrl}#run\n` : '';
  return `
  Lifeline runs EMBEDDED: everything is in this process's memory and NOTHING IS KEPT when it ends.
  Set REDIS_URL and KAFKA_BROKERS to run it for real; lifeline --help lists every variable.
${page}
  The same with curl:

    curl -N ${graphqlUrl} -H 'content-type: application/json' -H 'accept: text/event-stream' \\
      -H "authorization: Bearer $(curl -s '${origin}/dev/token?member=demo&accounts=${storyAccount}')" \\
      -d '${body}'

  Send an event of your own (any example of schema/events, as a CloudEvent) to ${origin}/dev/events
`;
}
