"""LangChain over Bedrock as apps use it: Converse and InvokeModel, whole, streamed, and several at once."""

import os

import telemetry
from prompts import QUESTIONS

_MODEL = "anthropic.claude-haiku-4-5-20251001-v1:0"


def scenario(run_async: telemetry.RunAsync) -> None:
    import boto3
    from langchain_aws import ChatBedrock, ChatBedrockConverse

    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=os.environ["APP_BEDROCK_URL"],
        region_name="eu-west-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    for kind in (ChatBedrockConverse, ChatBedrock):
        model = kind(model=_MODEL, client=client, bedrock_client=client, region_name="eu-west-1", provider="anthropic")
        for question in QUESTIONS:
            model.invoke(question)
            list(model.stream(question))
        run_async(model.abatch(list(QUESTIONS)))


if __name__ == "__main__":
    telemetry.run(scenario)
