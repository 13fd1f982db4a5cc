package lifeline

import com.apollographql.apollo.api.ApolloResponse
import com.apollographql.apollo.api.Operation
import com.apollographql.apollo.exception.ApolloException
import com.apollographql.apollo.exception.ApolloHttpException
import com.apollographql.apollo.exception.ApolloWebSocketClosedException
import com.apollographql.apollo.exception.SubscriptionOperationException

/** What to do about a failure. */
enum class Next(val retry: String) {
  /** The request is wrong, and will be wrong the next time. */
  NEVER("never"),
  /** Get a fresh token. */
  AFTER_REFRESH("after-refresh"),
  /** Run the query without `after`, then subscribe with its cursor. */
  AFTER_RESYNC("after-resync"),
  /** The same again, a little later each time. */
  BACKOFF("backoff"),
}

class Problem(val next: Next, reason: String) : Exception(reason)

/** The data of an answer; whatever else came is thrown as a [Problem]. */
fun <D : Operation.Data> ApolloResponse<D>.dataOrProblem(): D {
  data?.let { return it }
  exception?.let { throw problem(it) }
  val error = errors?.firstOrNull() ?: throw Problem(Next.BACKOFF, "an answer without data")
  throw problem(error.message, error.extensions)
}

fun problem(exception: ApolloException): Problem =
  when (exception) {
    is ApolloWebSocketClosedException -> Problem(afterClose(exception.code), "closed with ${exception.code}")
    is SubscriptionOperationException -> refused(exception.payload)
    // Only Lifeline's own word may end a stream: a 403 can come from a hotel's portal as well.
    is ApolloHttpException -> Problem(if (exception.statusCode == 401) Next.AFTER_REFRESH else Next.BACKOFF, "HTTP ${exception.statusCode}")
    else -> Problem(Next.BACKOFF, exception.message ?: "no connection")
  }

/** The protocol's close codes: 1012 restart, 1013 overload and all that a network invents pass; the listed ones do not. */
private fun afterClose(code: Int): Next =
  when (code) {
    4403 -> Next.AFTER_REFRESH
    4400, 4401, 4406, 4409, 4429 -> Next.NEVER
    else -> Next.BACKOFF
  }

/** An `error` message of the protocol: a list of GraphQL errors that no class was generated for. */
private fun refused(payload: Any?): Problem {
  val error = (payload as? List<*>)?.firstOrNull() as? Map<*, *>
  return problem(error?.get("message").toString(), error?.get("extensions") as? Map<*, *>)
}

private fun problem(message: String, extensions: Map<*, *>?): Problem {
  val retry = extensions?.get("retry")
  val next = Next.entries.find { it.retry == retry } ?: Next.BACKOFF
  return Problem(next, "${extensions?.get("code") ?: "an unknown error"}: $message")
}
