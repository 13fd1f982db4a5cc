package lifeline

import com.apollographql.apollo.ApolloClient
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.withTimeoutOrNull
import lifeline.api.AcknowledgeDeliveriesMutation

private val gatherFor = 50.milliseconds
private const val idsAtMost = 1_000

/**
 * Acknowledges in batches, over plain HTTP, again until the server has answered. Nothing is kept in a file: an event whose acknowledgement was
 * lost comes again, is known, and is acknowledged again.
 */
class Acknowledger(private val client: ApolloClient, private val tokens: Tokens, private val report: Report) {
  private val waiting = LinkedHashSet<String>()
  private val bell = Channel<Unit>(Channel.CONFLATED)
  private val wakes = MutableStateFlow(0)

  fun add(id: String) {
    synchronized(waiting) { if (waiting.size < idsAtMost) waiting.add(id) } // one that finds no place comes again
    bell.trySend(Unit)
  }

  /** Tries again at once: the network is back, or the app is. */
  fun wake() = wakes.update { it + 1 }

  suspend fun run(): Nothing {
    val backoff = Backoff()
    while (true) {
      bell.receive()
      val before = wakes.value
      delay(gatherFor)
      val ids = synchronized(waiting) { waiting.toList() }
      if (ids.isEmpty()) continue
      try {
        client.mutation(AcknowledgeDeliveriesMutation(ids)).execute().dataOrProblem()
        report.acknowledged(ids)
      } catch (problem: Problem) {
        if (problem.next == Next.AFTER_REFRESH) tokens.forget()
        if (problem.next != Next.NEVER) {
          if (withTimeoutOrNull(backoff.next()) { wakes.first { it != before } } != null) backoff.reset()
          bell.trySend(Unit)
          continue
        }
        report.stopped("acknowledge", problem)
      }
      backoff.reset()
      synchronized(waiting) { waiting.removeAll(ids.toSet()) }
    }
  }
}
