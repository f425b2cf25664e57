"""Bedrock through boto3 as apps use it: Converse and InvokeModel, whole and streamed, several at once."""

import asyncio
import json
import os

import telemetry
from prompts import QUESTIONS

_MODEL = "anthropic.claude-haiku-4-5-20251001-v1:0"


def scenario(run_async: telemetry.RunAsync) -> None:
    import boto3

    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=os.environ["APP_BEDROCK_URL"],
        region_name="eu-west-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    for question in QUESTIONS:
        converse(client, question)
        list(client.converse_stream(modelId=_MODEL, messages=asked(question))["stream"])
        invoke(client, question)
        list(client.invoke_model_with_response_stream(modelId=_MODEL, body=body(question))["body"])
    run_async(side_by_side(client))


def asked(question):
    return [{"role": "user", "content": [{"text": question}]}]


def converse(client, question) -> None:
    client.converse(modelId=_MODEL, messages=asked(question))


def body(question):
    message = {"role": "user", "content": [{"type": "text", "text": question}]}
    return json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 1000, "messages": [message]})


def invoke(client, question) -> None:
    json.loads(client.invoke_model(modelId=_MODEL, body=body(question))["body"].read())


async def side_by_side(client) -> None:
    await asyncio.gather(*(asyncio.to_thread(converse, client, question) for question in QUESTIONS))
    await asyncio.gather(*(asyncio.to_thread(invoke, client, question) for question in QUESTIONS))


if __name__ == "__main__":
    telemetry.run(scenario)
