package lifeline

import com.apollographql.apollo.api.json.buildJsonString
import com.apollographql.apollo.api.json.writeAny
import kotlin.time.Duration

/** What an app would show or count; here lines of JSON on stdout. */
class Report {
  fun event(stream: String, event: Event<*>, via: String) = line("event", stream, *fields(event), "via" to via)

  fun repeat(stream: String, event: Event<*>, via: String) = line("repeat", stream, *fields(event), "via" to via)

  fun pushing(stream: String, pushing: Boolean) = line("pushing", stream, "is" to pushing)

  fun polled(stream: String, next: Duration) = line("polled", stream, "nextMs" to next.inWholeMilliseconds.toInt())

  fun retry(stream: String, problem: Problem, after: Duration) =
    line("retry", stream, "next" to problem.next.retry, "reason" to problem.message, "afterMs" to after.inWholeMilliseconds.toInt())

  fun stopped(stream: String, problem: Problem) = line("stopped", stream, "reason" to problem.message)

  fun failed(stream: String, event: Event<*>, error: Exception) = line("failed", stream, *fields(event), "reason" to error.toString())

  fun acknowledged(ids: List<String>) = line("acknowledged", "acknowledge", "ids" to ids)

  fun refreshed() = line("refreshed", "session")

  private fun fields(event: Event<*>) =
    arrayOf("id" to event.delivery.id, "type" to event.type, "sequence" to event.delivery.sequence, "attempt" to event.delivery.attempt)

  private fun line(what: String, stream: String, vararg more: Pair<String, Any?>) {
    println(buildJsonString { writeAny(mapOf("what" to what, "stream" to stream, *more)) })
    System.out.flush()
  }
}
