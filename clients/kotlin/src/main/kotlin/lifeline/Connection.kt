package lifeline

import com.apollographql.apollo.ApolloClient
import com.apollographql.apollo.api.http.HttpHeader
import com.apollographql.apollo.api.http.HttpRequest
import com.apollographql.apollo.api.http.HttpResponse
import com.apollographql.apollo.exception.ApolloNetworkException
import com.apollographql.apollo.network.http.HttpInterceptor
import com.apollographql.apollo.network.http.HttpInterceptorChain
import com.apollographql.apollo.network.okHttpClient
import com.apollographql.apollo.network.websocket.GraphQLWsProtocol
import com.apollographql.apollo.network.websocket.WebSocketEngine
import com.apollographql.apollo.network.websocket.WebSocketNetworkTransport
import java.time.Instant
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.toJavaDuration
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.withTimeoutOrNull
import lifeline.api.RefreshSessionMutation
import lifeline.api.SessionQuery
import okhttp3.OkHttpClient

/** One socket for any number of streams, and plain HTTP beside it. */
class Connection(url: String, socketUrl: String, private val tokens: Tokens, heartbeat: Duration, private val report: Report) : AutoCloseable {
  // OkHttp's own ping wants its pong before the next is due: a dead socket is seen within two intervals, although the system is silent.
  // Apollo's `pingInterval` sends, too, but waits for nothing.
  private val http = OkHttpClient.Builder().pingInterval(heartbeat.toJavaDuration()).build()
  private val connectedState = MutableStateFlow(false)

  private val socket =
    WebSocketNetworkTransport.Builder()
      .serverUrl(socketUrl)
      .webSocketEngine(ObservedEngine(WebSocketEngine { http }) { connectedState.value = false })
      .wsProtocol(ObservedProtocol(GraphQLWsProtocol(::credentials)) { connectedState.value = true })
      .build()

  /** Queries and mutations by HTTP, subscriptions on the socket. Not with `retryOnError`, which would send the first cursor for ever. */
  val client: ApolloClient =
    ApolloClient.Builder()
      .serverUrl(url)
      .okHttpClient(http.newBuilder().callTimeout(10.seconds.toJavaDuration()).build())
      .addHttpInterceptor(Authorize(tokens))
      .subscriptionNetworkTransport(socket)
      .build()

  private val onSocket = ApolloClient.Builder().networkTransport(socket).subscriptionNetworkTransport(socket).build()

  /** Whether there is a socket that the server has acknowledged. */
  val connected: StateFlow<Boolean> = connectedState.asStateFlow()

  /** Continues the open socket under a newer token, before the old one ends: no gap. Where that fails, 4403 brings a new socket. */
  suspend fun keepFresh(): Nothing {
    while (true) {
      connected.first { it }
      try {
        val expiresAt = onSocket.query(SessionQuery()).execute().dataOrProblem().session.sessionFields.expiresAt
        val left = (Instant.parse(expiresAt).toEpochMilli() - System.currentTimeMillis()).milliseconds
        val wait = maxOf(left - minOf(30.seconds, left / 3), 1.seconds)
        if (withTimeoutOrNull(wait) { connected.first { !it } } != null) continue
        onSocket.mutation(RefreshSessionMutation(tokens.renew())).execute().dataOrProblem()
        report.refreshed()
      } catch (problem: Problem) {
        delay(5.seconds)
      }
    }
  }

  // An exception from here would end Apollo's scope for this socket, its time-outs included, and the app on Android: without a token the
  // server closes with 4403 instead.
  private suspend fun credentials(): Any? =
    try {
      mapOf("authorization" to "Bearer ${tokens.current()}")
    } catch (_: Problem) {
      null
    }

  override fun close() {
    client.close()
    onSocket.close()
    http.dispatcher.executorService.shutdown()
    http.connectionPool.evictAll()
  }
}

private class Authorize(private val tokens: Tokens) : HttpInterceptor {
  override suspend fun intercept(request: HttpRequest, chain: HttpInterceptorChain): HttpResponse {
    val token =
      try {
        tokens.current()
      } catch (problem: Problem) {
        throw ApolloNetworkException(problem.message, problem)
      }
    return chain.proceed(request.newBuilder().addHeaders(listOf(HttpHeader("Authorization", "Bearer $token"))).build())
  }
}
