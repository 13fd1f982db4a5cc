import { storyAccount, storyMember } from './story.ts';

/** What GraphiQL opens with, and a newcomer runs first. */
export const firstQuery = `# Member "demo" checks coverage every 15 s.
# Each result comes again until acknowledged.
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

# Put a delivery's id into Variables:
# { "ids": ["…"] }
mutation Acknowledge($ids: [ID!] = []) {
  acknowledgeDeliveries(ids: $ids) {
    acknowledged
    alreadyAcknowledged
    unknown
  }
}

# The poll path: the same events, asked for.
query Pending {
  pendingDeliveries {
    nodes { type channel delivery { id } }
    pollAfterMs
  }
}
`;

/** For the terminal, beside the log: what to do in the first minute. No token stands in it. */
export function welcome(graphqlUrl: string, graphiql: boolean): string {
  const origin = new URL(graphqlUrl).origin;
  const body = JSON.stringify({
    query: `subscription { coverageUpdates(accountId: "${storyAccount}") { workflowId status coverage { plan } delivery { id } } }`,
  });
  const ownEvent = {
    specversion: '1.0',
    id: '1',
    source: '/me',
    type: 'rte.failed',
    subject: storyMember,
    data: {
      workflowId: 'wf-mine',
      accountId: storyAccount,
      failure: { code: 'EXAMPLE', message: 'Sent by hand.', retryable: false },
    },
  };
  const page = graphiql ? `  Watch events arrive in GraphiQL, already subscribed:\n\n    ${graphqlUrl}#run\n\n` : '';
  return `
  Lifeline runs EMBEDDED: everything is in this process's memory and NOTHING IS KEPT when it ends.
  Set REDIS_URL and KAFKA_BROKERS to run it for real; lifeline --help lists every variable.

  Open the demonstration: break the network yourself and watch every event arrive once:

    ${origin}/

${page}  ${graphiql ? 'The same' : 'Watch events arrive'} with curl:

    curl -N ${graphqlUrl} -H 'content-type: application/json' -H 'accept: text/event-stream' \\
      -H "authorization: Bearer $(curl -s '${origin}/dev/token?member=${storyMember}&accounts=${storyAccount}')" \\
      -d '${body}'

  Send an event of your own (schema/events says what each type holds):

    curl ${origin}/dev/events -H 'content-type: application/cloudevents+json' \\
      -d '${JSON.stringify(ownEvent)}'

`;
}
